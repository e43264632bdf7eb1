/** Ends a child process, and removes its files, when the process that started it has gone in whatever way. */
import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Starts a shell that waits for the end of its input, which comes when this process has gone, even by SIGKILL; then it
 * kills `pid` and removes `dir`. Returns a function that calls it off.
 */
export function endWithUs(pid: number, dir = ''): () => void {
  const script = 'read -r _; kill -9 "$1" 2>/dev/null; [ -z "$2" ] || rm -rf "$2"';
  const shell = spawn('/bin/sh', ['-c', script, 'sh', String(pid), dir], {
    // Not of the terminal's group: it must outlive Ctrl-C.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  letGo(shell);
  return () => void shell.kill('SIGKILL');
}

/** The child and its pipes no longer keep this process alive. */
export function letGo(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) {
    // Pipes of a child are sockets, which their types do not tell.
    (stream as { unref?(): void } | null)?.unref?.();
  }
}
