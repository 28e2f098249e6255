// A program that exchanges two names with renameat2(RENAME_EXCHANGE) as fast as it can until it is killed: what a hostile
// pod does to a directory and a link while the agent prepares a subPath.
import process from 'node:process';
import koffi from 'koffi';

const RENAME_EXCHANGE = 2;
const AT_FDCWD = -100;
const [, , first = '', second = ''] = process.argv;
const renameat2 = koffi
  .load('libc.so.6')
  .func('int renameat2(int, const char *, int, const char *, unsigned int)');
for (;;) renameat2(AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE);
