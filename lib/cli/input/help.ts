/** The text of `--help`. */
export const HELP = `Shows the locks of nestjs-locked on a Redis, and takes them away.

Usage: nestjs-locked <command> [options]

Commands:
  ls                      Lists the locks that processes hold or wait for.
  ls [pattern] --scan     Also lists what dead processes and foreign clients hold, by SCAN.
  watch                   Lists the locks again and again, until Ctrl+C.
  inspect <key>           Shows the holders and the queue of one key.
  release <key>           Takes a key away from a holder, and gives it to the next in the queue.

Options:
  --url <url>             The Redis, or one node of a Cluster (default: REDIS_URL, else redis://localhost:6379).
  --prefix <text>         The prefix of the keys in Redis (default: lock:).
  --cluster               The Redis is a Cluster.
  --json                  Prints JSON: one text line for each lock, or for each overview of "watch".
  --patience <duration>   How long to wait for the answers of processes (default: 250ms).
  --interval <duration>   The pause of "watch" (default: 1s).
  -h, --help              Shows this help.
  -v, --version           Shows the version.

Options of "release":
  --holder <id>           The holder, by the id that "inspect" shows, or "any" for each holder. Required.
  --by <name>             A person or a tool, for the logs. Required.
  --reason <text>         Why, for the logs.
  --yes                   Releases. Without it the command only says what it would do.

Exit codes:
  0  done
  1  refused, or nothing was released
  2  wrong usage
  3  Redis failed
  130, 143  interrupted by SIGINT or SIGTERM; a release with --yes may be done or not
  "watch" ends with 0 then. A reader that closes the pipe also ends with 0.
`;
