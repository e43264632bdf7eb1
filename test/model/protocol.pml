/*
 * The protocol between processes, for one key and the exclusive kind: a gate in each process, one server, a network
 * that loses and delays. The README beside this file says what is left out, and how to run it.
 *
 * Time is not counted. What the protocol derives from clocks are bits, and the order that clocks guarantee is the only
 * thing assumed of them: what a process reckons from the moment it *sent* a command is over before the same length has
 * passed at the server, which counts from when it *ran* the command. So a lease may expire at the server only after its
 * holder's own deadline has passed (`dl`), an offer only after one offer's length since the latest command that the
 * server answered "queued" was sent (`off`), and so on (`mayExpire`). A paused process is one that takes no step.
 *
 * A misfortune (a lost message, a failed command, a pause past a deadline, a crash ...) may happen anywhere, BUDGET times
 * in a run. Timers fire when nothing else can happen (`timeout`); once by chance before, as a misfortune.
 *
 * Switches: N, CALLERS, BUDGET, FLUSH (the server may forget everything; then only fences and waiters are checked), and
 * the mutants, each of which takes one safeguard away: M_*.
 */

#ifndef N
#define N 2            /* processes */
#endif
#ifndef CALLERS
#define CALLERS 2      /* that come to each process, at any time */
#endif
#ifndef BUDGET
#define BUDGET 2       /* misfortunes in a run */
#endif
#ifndef T
#define T 5            /* tokens of a process that can be in play at once; they are recycled when nothing knows them */
#endif
#ifndef STRAYS
#define STRAYS 3       /* commands that nobody waits for, at once */
#endif
#define LOOKS 3        /* timers of a waiting process that may fire in vain before it counts as forgotten */
#define TOKENS (N * T)
#define partyOf(t) (((t) - 1) / T)

/* Modes of an ask, and its answers. */
#define ONCE 1
#define QUEUE 2
#define LOOK 3
#define GRANTED 1
#define BUSY 2
#define QUEUED 3
#define GONE 4

/* States of a gate's ask (PendingAsk): none, and three. Resting is split by what ends the rest. */
#define NONE 0
#define SENT 1
#define WAITING 2      /* answered "queued" */
#define RETRYING 3     /* its token is dead: asks again after a failure */
#define POLLING 4      /* ... when grants can reach it again, or its timer fires */

/* States of a lease. */
#define CONFIRMED 1
#define YOUNG 2        /* an offer whose first section runs before the confirmation */
#define OLD 3          /* an offer that counts for nothing before it */

/* States of a command on its way. */
#define UNRUN 1
#define RAN 2

/* ---- the server ---- */

byte K;                /* the owner's token, 0: free */
bit full;              /* has K a lease's length, or an offer's? */
byte score[TOKENS + 1];/* the queue: each waiting token's score, 0: not in it */
byte lastScore;        /* stands for the server's clock where that makes a new score the highest */
byte F;                /* the fence counter */

/* ---- processes ---- */

typedef Process {
  bit alive;
  bit subscribed;      /* at the server: what PUBLISH counts */
  bit awake;           /* in the process */
  byte toCome;         /* callers */
  byte line;           /* callers that wait */
  /* the gate's ask */
  byte ask;            /* its token, 0: none */
  byte state;
  bit off;             /* the offer that may be under way has ended, as far as the process knows (L0 + its length) */
  byte place;
  byte looks;
  /* the command that carries the ask, and its reply */
  byte cmd;            /* 0, UNRUN, RAN */
  byte give;
  byte mode;
  byte at;             /* the place to take back; then the place that was answered */
  byte count;          /* fences to draw */
  byte answer;
  byte fence;
  bit past;            /* a lease's length has passed since it was sent */
  /* the tenure and its lease */
  byte lease;          /* its token, 0: none */
  byte kind;
  bit dl;              /* its deadline has passed */
  bit section;         /* a section runs */
  byte todo;           /* callers it may still serve */
  byte next;           /* fences in hand, 0: none */
  byte nextButOne;
  byte renewal;        /* 0, UNRUN, RAN */
  bit held;            /* the renewal's reply */
  bit renewPast;
  byte renewCount;
  byte renewFence;
  /* offers on their way, in order: token and fence */
  byte m1;
  byte f1;
  byte m2;
  byte f2;
}
Process p[N];

/* Tokens that their process gives up until that has surely worked (Withdrawals, Party.giveUp, Party.release). */
bit givingUp[TOKENS + 1];

/* Commands that the gate does not wait for any more. The session does, while `attended`: it acts on a failure. */
typedef Stray {
  byte st;             /* 0, UNRUN, RAN */
  bit attended;
  byte token;
  byte give;
  byte mode;
  byte at;
}
Stray s[STRAYS];

byte budget = BUDGET;
bit forgot;            /* the server forgot its state, or somebody deleted K: leases exclude nobody then */

/* ---- what must hold ---- */

byte lastStarted;      /* the fence of the latest section */
#ifdef FLUSH
byte lastDrawn;        /* stands for the server's clock, which the counter stays behind */
#endif

/* Scratch, not part of a state. */
hidden byte h; hidden byte hs; hidden byte j; hidden byte k; hidden byte fr; hidden byte fn; hidden byte ta; hidden byte tb;
hidden bit ok; hidden bit exclusive; hidden bit fencesIncrease; hidden bit nobodyPassed; hidden bit inOrder;
hidden bit waiterForgotten; hidden bit orphanStays;
