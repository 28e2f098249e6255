// What every Files must do, on disk and in memory.
import { expect, test } from 'vitest';
import type { Files } from '#files/files.ts';
import { DirectoryInUseError, holdDirectory } from '#files/hold-directory.ts';

/** Registers the suite; `open` gives the files and an empty directory of their own for each test. */
export function filesContract(name: string, open: () => Promise<{ files: Files; directory: string }>): void {
  const text = async (files: Files, path: string) => Buffer.from((await files.read(path)) ?? []).toString();

  test(`FIL1: ${name} reads back what was written, and a second write replaces all of it`, async () => {
    const { files, directory } = await open();
    await files.write(`${directory}/a`, Buffer.from('a long first content'));
    await files.write(`${directory}/a`, Buffer.from('short'));
    expect(await text(files, `${directory}/a`)).toBe('short');
  });

  test(`FIL2: ${name} gives undefined for an absent file and nothing for an absent directory`, async () => {
    const { files, directory } = await open();
    expect(await files.read(`${directory}/none`)).toBeUndefined();
    expect(await files.list(`${directory}/none`)).toEqual([]);
    expect(await files.exists(`${directory}/none`)).toBe(false);
  });

  test(`FIL4: ${name} removes what is absent without complaint and refuses a directory that is not empty`, async () => {
    const { files, directory } = await open();
    await files.remove(`${directory}/none`);
    await files.removeDirectory(`${directory}/none`);
    await files.makeDirectory(`${directory}/full`);
    await files.write(`${directory}/full/a`, Buffer.from('a'));
    await expect(files.removeDirectory(`${directory}/full`)).rejects.toMatchObject({ code: 'ENOTEMPTY' });
    await files.remove(`${directory}/full/a`);
    await files.removeDirectory(`${directory}/full`);
    expect(await files.exists(`${directory}/full`)).toBe(false);
  });

  test(`FIL5: ${name} makes a directory with its parents, also twice`, async () => {
    const { files, directory } = await open();
    await files.makeDirectory(`${directory}/a/b/c`);
    await files.makeDirectory(`${directory}/a/b/c`);
    expect(await files.list(`${directory}/a/b`)).toEqual(['c']);
  });

  test(`FIL6: ${name} lists names in order`, async () => {
    const { files, directory } = await open();
    for (const one of ['b', 'c', 'a']) await files.write(`${directory}/${one}`, Buffer.from(one));
    expect(await files.list(directory)).toEqual(['a', 'b', 'c']);
  });

  test(`FIL8: ${name} gives a lock to one holder at a time`, async () => {
    const { files, directory } = await open();
    const first = await files.lock(`${directory}/lock`);
    expect(first).toBeDefined();
    expect(await files.lock(`${directory}/lock`)).toBeUndefined();
    expect(await text(files, `${directory}/lock`)).toMatch(/^\d+\n$/);
    first?.[Symbol.dispose]();
    await expect.poll(() => files.lock(`${directory}/lock`)).toBeDefined();
  });

  test(`FIL10: ${name} refuses a held directory with the holder's process id`, async () => {
    const { files, directory } = await open();
    await holdDirectory(files, `${directory}/held`);
    const second = holdDirectory(files, `${directory}/held`);
    await expect(second).rejects.toBeInstanceOf(DirectoryInUseError);
    await expect(second).rejects.toThrow(/held": process \d+ holds its lock: stop that process/);
  });
}
