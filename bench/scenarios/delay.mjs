// The hand-over where trips are what costs.
import pingpong from './pingpong.mjs';

export default {
  ...pingpong,
  name: 'delay',
  title: 'pingpong, 1 ms farther from the server, each way',
  keyOf: () => 'delay',
  delay: 1,
};
