import { realClock } from '#base/real/clock.ts';
import { grpcContract } from '#testing/contracts/grpc.ts';
import { memoryGrpc } from './memory-grpc.ts';

// The contract's deadlines are short and its clock is the machine's, so that both transports run the same lines.
grpcContract('memory', () => ({ transport: memoryGrpc(realClock()), endpoint: '/run/test/csi.sock' }));
