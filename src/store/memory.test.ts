import { memoryStore } from './memory.ts';
import { storeContract } from '#testing/contracts/store.ts';

storeContract({ name: 'memory', open: async () => memoryStore(), modelRuns: 300 });
