/** Ends a child process and removes its files when its parent process ends in any way. */
import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Starts a shell that waits for the end of its input. That end comes when this process ends, even by SIGKILL. Then the
 * shell kills `pid` and removes `dir`. Returns a function that cancels the watchdog.
 */
export function endWithUs(pid: number, dir = ''): () => void {
  const script = 'read -r _; kill -9 "$1" 2>/dev/null; [ -z "$2" ] || rm -rf "$2"';
  const shell = spawn('/bin/sh', ['-c', script, 'sh', String(pid), dir], {
    // The shell has its own process group, because it must outlive Ctrl-C.
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
    // The pipes of a child are sockets. Their types do not say so.
    (stream as { unref?(): void } | null)?.unref?.();
  }
}
