module.exports = {
  testEnvironment: 'node',
  rootDir: 'src',
  transform: { '^.+\\.ts$': 'ts-jest' },
};
