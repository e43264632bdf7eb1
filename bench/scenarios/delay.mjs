// The hand-off where round trips are the main cost.
import pingpong from './pingpong.mjs';

export default {
  ...pingpong,
  name: 'delay',
  title: 'pingpong, 1 ms farther from the server, each way',
  keyOf: () => 'delay',
  delay: 1,
};
