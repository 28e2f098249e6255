// Every scenario whose end is told as claims, volumes and pods: crash enumeration, stale caches and both transports
// play all of them.
import { LOOP_SCENARIOS } from './loop-scenarios.ts';
import { type Scenario, SCENARIOS } from './scenarios.ts';

export const ALL_SCENARIOS: readonly Scenario[] = [...SCENARIOS, ...LOOP_SCENARIOS];
