// What a process knows about itself, under the names that Prometheus' client libraries give it.
import { readdirSync, readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metrics } from '#base/metrics.ts';

const RESOLUTION_MS = 20;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

/** Registers the collectors; from now on the event loop's delay is measured. */
export function watchProcess(metrics: Metrics): void {
  const startedAt = Date.now() / 1000 - process.uptime();
  const one = (name: string, type: 'counter' | 'gauge', help: string, read: () => number): void =>
    metrics.collect({ name, help, type }, () => [{ labels: {}, value: read() }]);
  one('process_cpu_seconds_total', 'counter', 'Total user and system CPU time spent in seconds.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  one(
    'process_start_time_seconds',
    'gauge',
    'Start time of the process since unix epoch in seconds.',
    () => startedAt,
  );
  one('process_resident_memory_bytes', 'gauge', 'Resident memory size in bytes.', () =>
    process.memoryUsage.rss(),
  );
  one(
    'process_open_fds',
    'gauge',
    'Number of open file descriptors.',
    () => readdirSync('/proc/self/fd').length,
  );
  one('process_max_fds', 'gauge', 'Maximum number of open file descriptors.', maxDescriptors);
  one('nodejs_heap_size_used_bytes', 'gauge', 'Heap in use in bytes.', () => process.memoryUsage().heapUsed);
  delay.enable();
  // A sample holds the interval at which it was taken.
  const seconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1000) || 0;
  for (const percentile of [50, 90, 99]) {
    one(
      `nodejs_eventloop_lag_p${percentile}_seconds`,
      'gauge',
      'Delay of the event loop since the start.',
      () => seconds(delay.percentile(percentile)),
    );
  }
  one('nodejs_eventloop_lag_max_seconds', 'gauge', 'Longest delay of the event loop since the start.', () =>
    seconds(delay.max),
  );
}

function maxDescriptors(): number {
  const [, soft = '0'] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return Number(soft);
}
