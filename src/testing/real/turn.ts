// One turn of the real event loop: after it every promise chain that waits for nothing outside has run to its end.

/** Resolves in the next turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
