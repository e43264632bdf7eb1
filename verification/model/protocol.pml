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
#define STRAYS 3       /* asks that no gate waits for, at once */
#define LOOKS 3        /* timers of a waiting process that may fire in vain before it counts as forgotten */
#if defined(M_OFFERLEASE) || defined(M_L0)
#define OFFERMUTANT
#endif
#ifdef M_PLACE
#define FIRSTPLACE ghost
#else
#define FIRSTPLACE place
#endif
#define TOKENS (N * T)
#define partyOf(t) (((t) - 1) / T)

/* Modes of an ask, and its answers. */
#define ONCE 1
#define QUEUE 2
#define LOOK 3
#define GRANTED 4
#define BUSY 5
#define QUEUED 6
#define GONE 7

/* States of a gate's ask (PendingAsk). */
#define NONE 0
#define SENT 1
#define WAITING 2      /* answered "queued" */
#define POLLING 3      /* rests until grants can reach it, or its timer fires */

/* States of a lease. */
#define CONFIRMED 1
#define YOUNG 2        /* an offer whose first section runs before the confirmation */
#define OLD 3          /* an offer that counts for nothing before it */

/* States of a command on its way. */
#define UNRUN 1
#define RAN 2

/* ---- the server ---- */

byte K;                /* the owner's token, 0: free */
bit leased;            /* has K a lease's length, or an offer's? */
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
  bit off;             /* an offer that is under way may have ended: its length has passed since L0 */
  byte offer;          /* the fence of an offer for it, 0: none */
  bit stale;           /* looks again with the answer: messages may have been lost since it was asked */
  byte place;          /* as the server answered it */
#ifdef M_PLACE
  byte ghost;          /* the same, which the mutant forgets */
#endif
  byte looks;          /* timers that fired in vain */
  /* the command that carries the ask, and its reply */
  byte cmd;            /* 0, UNRUN, RAN */
  byte give;
  byte mode;
  byte at;             /* the place that was answered */
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
  byte release;        /* a lease's token that is given up without asking for more; runs before later commands */
  /* offers on their way, in order: token and fence */
  byte m1;
  byte f1;
  byte m2;
  byte f2;
}
Process p[N];

/* Tokens that their process gives up until that has surely worked (Withdrawals, Party.giveUp, Party.release). */
int givingUp;          /* one bit a token */
#define givesUp(t) ((givingUp >> (t)) & 1)
#define giveUp(t) givingUp = givingUp | (1 << (t))
#define stopGivingUp(t) givingUp = givingUp & ~(1 << (t))
#ifdef M_TIMEAFTER
int gaveUp;            /* given up once more, and the clock not read yet */
#endif

/* Asks that failed, or whose gate has turned away, and that may still run. */
typedef Stray {
  byte token;          /* 0: none */
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

#define knownPlace(x) p[x].FIRSTPLACE

/* That a run which finds nothing has been everywhere: counts how often each of these situations was met. */
c_decl {
  \#include <stdlib.h>
  \#include <stdio.h>
  static unsigned long witnessed[32];
  static void report(void) {
    for (int n = 1; n < 32; n++) if (witnessed[n]) printf("witness %d: %lu\n", n, witnessed[n]);
  }
  static void witness(int n) {
    if (!witnessed[0]++) atexit(report);
    witnessed[n]++;
  }
}

#define W(n) c_code { witness(n); }

/* Scratch, not part of a state. */
hidden byte h; hidden byte hs; hidden byte j; hidden byte k; hidden byte ok;
hidden byte fr; hidden byte ta; hidden byte tb;
hidden byte exclusive; hidden byte fencesIncrease; hidden byte nobodyPassed;
hidden byte waiterForgotten; hidden byte orphanStays;

/* ---- the server's atomic steps ---- */

/* Draws `n` consecutive fences; the first one in `fr`. */
inline draw(n) {
  fr = F + 1;
#ifdef FLUSH
#ifndef M_COUNTER
  if :: fr <= lastDrawn -> fr = lastDrawn + 1 :: else fi;
#endif
  fencesIncrease = fr > lastDrawn;
  assert(fencesIncrease);
  lastDrawn = fr + n - 1;
#endif
  F = fr + n - 1;
  assert(F < 250)
}

/* A grant from the queue, to score `hs`: nobody who waits, and was told of a better place, is passed. */
inline checkOrder() {
  nobodyPassed = 1;
  k = 1;
  do
  :: k > TOKENS -> break
  :: else ->
    if
    :: score[k] > 0 && p[partyOf(k)].ask == k && knownPlace(partyOf(k)) > 0 && knownPlace(partyOf(k)) < hs ->
      nobodyPassed = 0
    :: else
    fi;
    k++
  od;
  k = 0;
  assert(nobodyPassed)
}

/* K is free: hands it to the first in the queue that can be reached; to `asker_` without a message. */
inline promote(asker_) {
  do
  :: h = 0; hs = 0; k = 1;
    do
    :: k > TOKENS -> break
    :: else ->
      if
      :: score[k] > 0 && (h == 0 || score[k] < hs) -> h = k; hs = score[k]
      :: else
      fi;
      k++
    od;
    if
    :: h == 0 -> break
    :: h != 0 && h == asker_ ->
      score[h] = 0;
      checkOrder();
      K = h; leased = 1;
      break
    :: h != 0 && h != asker_ && p[partyOf(h)].subscribed ->
      score[h] = 0;
      checkOrder();
      K = h; leased = 0;
      printf("server: offers K to %d\n", h);
      draw(1);
      if
      :: !p[partyOf(h)].alive || p[partyOf(h)].m2 != 0 -> skip
      :: p[partyOf(h)].alive && p[partyOf(h)].m1 == 0 -> p[partyOf(h)].m1 = h; p[partyOf(h)].f1 = fr
      :: else -> p[partyOf(h)].m2 = h; p[partyOf(h)].f2 = fr
      fi;
      break
    :: else -> score[h] = 0; printf("server: skips %d, whom nobody hears\n", h)
    fi
  od;
  h = 0; hs = 0; k = 0
}

/* The script `turn`. The answer is in `ta`, a fence in `fr`, a place in `tb`. */
inline turn(give_, token_, mode_, place_, count_) {
  ta = 0; tb = 0; fr = 0;
  if
  :: give_ != 0 ->
    if
#ifdef M_ANYRELEASE
    :: K != 0 -> K = 0; leased = 0
#else
    :: K == give_ -> K = 0; leased = 0
#endif
    :: else -> score[give_] = 0
    fi
  :: else
  fi;
  if
  :: token_ == 0 ->
    if :: K == 0 -> promote(0) :: else fi
  :: else ->
    h = 0; k = 1;
    do :: k > TOKENS -> break :: else -> if :: score[k] > 0 -> h = 1 :: else fi; k++ od;
    k = 0;
    if
    :: mode_ != LOOK && h == 0 && K == 0 ->
      K = token_; leased = 1; draw(count_); ta = GRANTED
    :: else ->
      h = 0;
      if
      :: mode_ == QUEUE && K != token_ && score[token_] == 0 ->
        if
        :: place_ > 0 -> score[token_] = place_
        :: else -> lastScore++; score[token_] = lastScore
        fi
      :: else
      fi;
      if :: K == 0 -> promote(token_) :: else fi;
      if
      :: K == token_ || (K == 0 && mode_ == ONCE) -> K = token_; leased = 1; draw(count_); ta = GRANTED
      :: else ->
        if
        :: mode_ == ONCE -> ta = BUSY
        :: mode_ != ONCE && score[token_] == 0 -> ta = GONE
        :: else -> ta = QUEUED; tb = score[token_]
        fi;
        fr = 0
      fi
    fi;
    h = 0
  fi
}

/* Only the order of numbers matters: they are moved down, so that equal situations are equal states. */
#define low(v) if :: v > 0 && v <= tb -> tb = v - 1 :: else fi
#define high(v) if :: v > ta -> ta = v :: else fi
#define lower(v) v = (v > 0 -> v - tb : 0)
inline tidy() {
  /* strays */
  k = 0;
  do
  :: k == STRAYS - 1 -> break
  :: else ->
    if
    :: s[k].token == 0 && s[k + 1].token != 0 ->
      s[k].token = s[k + 1].token; s[k].give = s[k + 1].give; s[k].mode = s[k + 1].mode; s[k].at = s[k + 1].at;
      clearStray(k + 1)
    :: else
    fi;
    k++
  od;
  /* scores */
  ta = 0; tb = 254; k = 1;
  do :: k > TOKENS -> break :: else -> low(score[k]); high(score[k]); k++ od;
  k = 0;
  do :: k == STRAYS -> break :: else -> low(s[k].at); high(s[k].at); k++ od;
  k = 0;
  do
  :: k == N -> break
  :: else -> low(p[k].place); high(p[k].place); low(p[k].at); high(p[k].at); k++
  od;
  if
  :: ta == 0 -> lastScore = 0
  :: ta > 0 && tb == 0 -> lastScore = ta
  :: else ->
    lastScore = ta - tb;
    k = 1;
    do :: k > TOKENS -> break :: else -> lower(score[k]); k++ od;
    k = 0;
    do :: k == STRAYS -> break :: else -> lower(s[k].at); k++ od;
    k = 0;
    do
    :: k == N -> break
    :: else ->
      lower(p[k].place); lower(p[k].at);
#ifdef M_PLACE
      p[k].ghost = (p[k].ghost > tb -> p[k].ghost - tb : 0);
#endif
      k++
    od
  fi;
#ifndef FLUSH
  /* fences */
  ta = lastStarted; tb = 254; k = 0;
  low(lastStarted);
  do
  :: k == N -> break
  :: else ->
    low(p[k].offer); low(p[k].f1); low(p[k].f2); low(p[k].fence);
    low(p[k].next); low(p[k].nextButOne); low(p[k].renewFence);
    high(p[k].offer); high(p[k].f1); high(p[k].f2); high(p[k].fence + 1);
    high(p[k].next); high(p[k].nextButOne); high(p[k].renewFence + 1);
    k++
  od;
  if
  :: ta == 0 -> F = 0
  :: ta > 0 && tb == 0 -> F = ta
  :: else ->
    F = ta - tb;
    lower(lastStarted);
    k = 0;
    do
    :: k == N -> break
    :: else ->
      lower(p[k].offer); lower(p[k].f1); lower(p[k].f2); lower(p[k].fence);
      lower(p[k].next); lower(p[k].nextButOne); lower(p[k].renewFence);
      k++
    od
  fi;
#endif
  ta = 0; tb = 0; k = 0
}

/* May K's time to live end now? See the top. */
#define owner p[partyOf(K)]
#ifdef OFFERMUTANT
#define deadline (leased -> owner.dl : owner.off)
#else
#define deadline owner.dl
#endif
#define leaseMayEnd (owner.kind == OLD -> (owner.renewal == RAN -> owner.renewPast : owner.off) : deadline)
#define askMayEnd (owner.cmd == RAN || owner.state == SENT -> owner.past : owner.off)
/* A lease that nobody has, uses or gives up any more does not end here: it would stay for its whole length. */
#define deadMayEnd (!leased || givesUp(K) || owner.release == K || forgot)
#define mayExpire \
  (!owner.alive || (owner.lease == K -> leaseMayEnd : (owner.ask == K -> askMayEnd : deadMayEnd)))

/* ---- the gate and the tenure, in process i ---- */

#define P p[i]

/* Sets `ok` if token t is known to nobody. */
inline unknown(t) {
  ok = K != t && score[t] == 0 && !givesUp(t) && P.ask != t && P.give != t && P.release != t && P.lease != t;
  ok = ok && P.m1 != t && P.m2 != t;
  k = 0;
  do
  :: k == STRAYS -> break
  :: else -> if :: s[k].token == t || s[k].give == t -> ok = 0 :: else fi; k++
  od;
  k = 0
}

/* Gate.#command */
inline command(mode_, give_) {
  assert(P.cmd == 0);
  P.cmd = UNRUN;
  P.mode = mode_;
  P.give = give_;
  P.count = (P.line > 1 -> P.line : 1);
  P.past = 0;
  P.answer = 0; P.fence = 0; P.at = 0
}

/* Gate.#send: an ask under a new token. */
inline send(give_) {
  tb = give_;
  P.ask = 0;
  j = i * T + 1;
  do
  :: j > i * T + T -> break
  :: else ->
    if
    :: j == tb -> ok = 0
    :: else -> unknown(j)
    fi;
    if :: ok -> break :: else -> j++ fi
  od;
  assert(ok);
  P.ask = j; P.state = SENT; P.off = 0; P.offer = 0; P.stale = 0;
  j = 0;
  if
  :: P.awake -> command(QUEUE, tb)
  :: else -> command(ONCE, tb)
  fi;
  tb = 0
}

/* The gate turns away from its command, which may still run. */
inline detach() {
  k = 0;
  do
  :: k == STRAYS -> break
  :: else -> if :: s[k].token == 0 -> break :: else -> k++ fi
  od;
  assert(k < STRAYS);
  s[k].token = P.ask; s[k].give = P.give; s[k].mode = P.mode; s[k].at = (P.mode == QUEUE -> P.place : 0);
  k = 0;
  clearCommand()
}

inline clearCommand() {
  P.cmd = 0; P.give = 0; P.mode = 0; P.at = 0; P.count = 0; P.answer = 0; P.fence = 0; P.past = 0
}

inline clearStray(x) {
  s[x].token = 0; s[x].give = 0; s[x].mode = 0; s[x].at = 0
}

inline clearPlace() {
  P.place = 0;
#ifdef M_PLACE
  P.ghost = 0
#endif
}

/* Gate.#endAsk */
inline endAsk() {
  P.ask = 0; P.state = NONE; P.looks = 0; P.offer = 0; P.stale = 0;
  clearPlace()
}

/* Tenure.#start: one section, with the next fence. */
inline start() {
  assert(P.line > 0 && P.next > 0 && !P.section);
  P.line--; P.todo--; P.section = 1;
  exclusive = 1; k = 0;
  do
  :: k == N -> break
  :: else -> if :: k != i && p[k].section && !p[k].dl && !forgot -> exclusive = 0 :: else fi; k++
  od;
  k = 0;
  assert(exclusive);
  fencesIncrease = forgot || P.next > lastStarted;
  assert(fencesIncrease);
  lastStarted = P.next;
  printf("process %d: a section starts under %d, fence %d\n", i, P.lease, P.next);
  P.next = P.nextButOne; P.nextButOne = 0
}

/* Gate.#leave: the tenure is over. */
inline leave() {
  j = P.lease;
  P.lease = 0; P.kind = 0; P.dl = 0; P.section = 0; P.todo = 0; P.next = 0; P.nextButOne = 0;
  P.off = 0;
  clearRenewal();
  if
  :: P.line > 0 -> send(j)
  :: else -> P.release = j
  fi;
  j = 0
}

inline clearRenewal() {
  P.renewal = 0; P.held = 0; P.renewPast = 0; P.renewCount = 0; P.renewFence = 0
}

/* Tenure.#next, when no section runs. */
inline nextSection() {
  if
  :: P.dl || P.line == 0 || P.todo == 0 -> leave()
  :: else ->
    if
    :: P.kind != CONFIRMED && P.renewal != 0 -> skip /* awaits the confirmation */
    :: else ->
      if
      :: P.next == 0 -> leave()
      :: else -> start()
      fi
    fi
  fi
}

/* Gate.offered, for the token that is asked with. */
inline take(kind_) {
  P.lease = P.ask;
  P.kind = kind_;
  P.dl = 0;
  P.todo = P.line;
  P.nextButOne = 0;
  P.renewal = UNRUN;
#ifdef M_OLDFENCE
  P.next = P.offer; P.renewCount = P.line - 1;
#else
  if
  :: kind_ == OLD -> P.next = 0; P.renewCount = P.line /* another may have had the key since that fence */
  :: else -> P.next = P.offer; P.renewCount = P.line - 1
  fi;
#endif
  P.offer = 0;
  endAsk()
}

inline shiftOffers() {
  P.m1 = P.m2; P.f1 = P.f2; P.m2 = 0; P.f2 = 0;
  tidy()
}


proctype Party(byte i) {
  do
  /* -- what happens by itself -- */

  /* A caller comes (Gate.join). */
  :: d_step { P.alive && P.toCome > 0 ->
      printf("process %d: a caller comes\n", i);
      P.toCome--; P.line++;
      if
      :: P.lease == 0 && P.state == NONE -> send(0)
      :: else
      fi }

  /* The server runs the ask. Commands of one connection run in the order in which they were sent. */
  :: d_step { P.cmd == UNRUN && P.release == 0 ->
      turn(P.give, P.ask, P.mode, P.place, P.count);
      P.cmd = RAN; P.answer = ta; P.fence = fr; P.at = tb;
#ifndef M_STALE
      /* The answer tells the counter: offers from before it are over, and not believed when they come. */
      if
      :: ta == QUEUED ->
        P.offer = 0;
        if :: P.m1 == P.ask -> P.f1 = 0 :: else fi;
        if :: P.m2 == P.ask -> P.f2 = 0 :: else fi
      :: else
      fi;
#endif
      printf("server: give up %d, ask with %d (<%d>): <%d>, place %d, fence %d\n",
        P.give, P.ask, P.mode, ta, tb, fr);
      ta = 0; fr = 0; tb = 0;
      tidy() }

  /* The server runs a release. */
  :: d_step { P.release != 0 ->
      turn(P.release, 0, 0, 0, 0);
      printf("server: give up %d\n", P.release);
      P.release = 0;
      ta = 0; fr = 0; tb = 0;
      tidy() }

  /* Its reply comes (Gate.#onAnswer). */
  :: d_step { P.cmd == RAN ->
      printf("process %d: the reply comes: <%d>\n", i, P.answer);
      if
      :: P.answer == GRANTED ->
        if :: P.mode == LOOK -> W(7) :: P.mode == ONCE -> W(8) :: else fi;
        if :: P.past -> W(9) :: else fi;
        P.lease = P.ask; P.kind = CONFIRMED; P.off = 0;
#ifdef M_REPLYTIME
        P.dl = 0;
#else
        P.dl = P.past;
#endif
        P.todo = (P.line < P.count -> P.line : P.count);
        P.next = P.fence; P.nextButOne = (P.count > 1 -> P.fence + 1 : 0);
        clearCommand();
        endAsk();
        nextSection()
      :: P.answer == QUEUED ->
        P.state = WAITING;
        P.off = P.past;
        P.place = P.at;
#ifdef M_PLACE
        P.ghost = (P.ghost > 0 -> P.ghost : P.at);
#endif
        clearCommand();
        if
        :: P.stale && P.offer == 0 -> P.stale = 0; command(LOOK, 0)
        :: else
        fi
#ifdef M_GONE
      :: P.answer == GONE -> P.state = WAITING; clearCommand()
#endif
      :: else -> /* GONE, or BUSY */
        if :: P.answer == GONE && P.place > 0 -> W(6) :: else fi;
        clearCommand();
#ifdef M_PLACE
        P.place = 0;
#endif
        if
        :: P.awake -> send(0)
        :: else -> P.ask = 0; P.state = POLLING; P.off = 0; P.offer = 0; P.stale = 0
        fi
      fi;
      tidy() }

  /* An offer comes (Gate.offered). While an answer about its token is awaited, that decides. */
  :: d_step { P.m1 != 0 && P.m1 != P.lease && P.m1 != P.ask ->
      printf("process %d: an offer comes for %d, which is dead: gives it back\n", i, P.m1);
      W(1);
      giveUp(P.m1); shiftOffers() }
  :: d_step { P.m1 != 0 && (P.m1 == P.lease || P.m1 == P.ask) ->
      printf("process %d: an offer comes for %d\n", i, P.m1);
      if :: P.m1 == P.ask -> P.offer = P.f1 :: else fi;
      shiftOffers() }
#ifdef M_TAKEN
  /* It does not wait for the answer; the command fails. */
  :: d_step { budget > 0 && P.m1 != 0 && P.m1 == P.ask && P.cmd != 0 && !P.past ->
      printf("process %d: an offer comes for %d: confirms it, and starts; then the command fails\n", i, P.m1);
      budget--;
      giveUp(P.ask);
      if :: P.cmd == UNRUN -> detach() :: else -> clearCommand() fi;
      P.offer = P.f1; P.off = 0; take(YOUNG); start(); shiftOffers() }
#endif

  /* It is taken (Gate.#take): at once, or with the answer. */
#ifdef OFFERMUTANT
  :: d_step { P.offer != 0 && P.cmd == 0 ->
      printf("process %d: takes the offer for %d, and starts\n", i, P.ask);
#ifdef M_OFFERLEASE
      take(CONFIRMED); clearRenewal();
#else
      take(YOUNG);
#endif
      start() }
#else
  :: d_step { P.offer != 0 && P.cmd == 0 && !P.off ->
      printf("process %d: takes the offer for %d: confirms it, and starts\n", i, P.ask);
      W(2);
      take(YOUNG); start(); tidy() }
  :: d_step { P.offer != 0 && P.cmd == 0 && (P.off || budget > 0) ->
      printf("process %d: takes the offer for %d, which is old: confirms it first\n", i, P.ask);
      if :: P.off -> skip :: else -> budget-- fi;
      take(OLD); tidy() }
#endif

  /* The server runs the renewal. */
  :: d_step { P.renewal == UNRUN ->
      printf("server: renew %d: %d\n", P.lease, K == P.lease);
      P.renewal = RAN;
      if
#ifdef M_ANYRENEW
      :: K != 0 ->
#else
      :: K == P.lease ->
#endif
        leased = 1; P.held = 1;
        if
        :: P.renewCount > 0 -> draw(P.renewCount); P.renewFence = fr; fr = 0
        :: else
        fi
      :: else
      fi }

  /* Its reply comes. */
  :: d_step { P.renewal == RAN ->
      printf("process %d: the renewal's reply comes: %d\n", i, P.held);
      if :: !P.held -> W(13) :: else fi;
      if
      :: !P.held || (P.kind != OLD && P.dl) || (P.kind == OLD && P.renewPast) -> leave() /* lost */
      :: else ->
        if :: P.kind == OLD && P.line > 0 -> W(5) :: else fi;
        P.kind = CONFIRMED; P.off = 0;
        if
        :: P.next == 0 -> P.next = P.renewFence; P.nextButOne = (P.renewCount > 1 -> P.renewFence + 1 : 0)
        :: else -> P.nextButOne = P.renewFence
        fi;
        clearRenewal();
        if
        :: !P.section -> nextSection()
        :: else
        fi
      fi;
      tidy() }

  /* A failed confirmation is tried again while the section runs. */
  :: d_step { P.kind == YOUNG && P.renewal == 0 && P.section && !P.dl ->
      printf("process %d: renews again\n", i);
      P.renewal = UNRUN }

  /* The section ends. */
  :: d_step { P.section ->
      printf("process %d: the section ends\n", i);
      P.section = 0;
      nextSection();
      if :: P.section -> W(15) :: else fi;
      tidy() }

  /* The holder notices that its deadline has passed. */
  :: d_step { P.lease != 0 && P.dl ->
      printf("process %d: notices that the lease is over\n", i);
      leave(); tidy() }

  /* The wake connection is found dead, and opened again; then the gate looks (Gate.nudge). */
  :: d_step { P.awake && !P.subscribed ->
      printf("process %d: finds the wake connection dead\n", i);
      P.awake = 0 }
  :: d_step { P.alive && !P.awake ->
      printf("process %d: subscribes again\n", i);
      P.subscribed = 1; P.awake = 1;
      if
      :: P.state == WAITING && P.cmd == 0 && P.offer == 0 -> command(LOOK, 0)
      :: P.state == POLLING -> send(0)
      :: P.cmd != 0 -> P.stale = 1
      :: else
      fi }

  /* -- misfortunes -- */

  :: d_step { budget > 0 -> budget-- }

  /* The ask or look fails: its request or its reply was lost, or nothing came in time. It may yet run. */
  :: d_step { budget > 0 && P.cmd != 0 ->
      printf("process %d: the command fails (it has run: %d): asks again\n", i, P.cmd == RAN);
      budget--;
      giveUp(P.ask);
      if :: P.give != 0 -> giveUp(P.give) :: else fi;
      if
      :: P.cmd == UNRUN -> detach()
      :: else -> clearCommand()
      fi;
#ifdef M_PLACE
      P.place = 0;
#endif
#ifdef M_TOKEN
      P.state = SENT; P.off = 0; P.offer = 0; P.stale = 0;
      if :: P.awake -> command(QUEUE, 0) :: else -> command(ONCE, 0) fi
#else
      send(0)
#endif
      }

  /* The connection is cut after it ran, and the client sends it again. */
  :: d_step { budget > 0 && P.cmd == RAN ->
      printf("process %d: the command is sent again\n", i);
      budget--; P.stale = 1;
      P.cmd = UNRUN; P.answer = 0; P.fence = 0; P.at = 0 }

  /* The renewal fails, having run or not. */
  :: d_step { budget > 0 && P.renewal != 0 ->
      printf("process %d: the renewal fails (it has run: %d)\n", i, P.renewal == RAN);
      budget--;
      clearRenewal();
      if
      :: P.section -> skip
      :: else -> leave()
      fi;
      tidy() }

  /* A release fails: it may have run, and is tried again. */
  :: d_step { budget > 0 && P.release != 0 ->
      printf("process %d: the release fails\n", i);
      budget--;
      giveUp(P.release); P.release = 0 }

  /* An offer's message is lost. */
  :: d_step { budget > 0 && P.m1 != 0 ->
      printf("process %d: the offer's message is lost\n", i);
      budget--; shiftOffers() }

  /* The wake connection breaks. */
  :: d_step { budget > 0 && P.alive && P.subscribed ->
      printf("process %d: the wake connection breaks\n", i);
      budget--; P.subscribed = 0; shiftOffers(); shiftOffers() }

  /* A pause, or a slow network: a deadline passes. */
  :: d_step { budget > 0 && P.lease != 0 && P.kind != OLD && !P.dl ->
      printf("process %d: the lease's deadline passes\n", i);
      budget--; P.dl = 1 }
  :: d_step { budget > 0 && P.cmd != 0 && !P.past ->
      printf("process %d: the command takes as long as its lease\n", i);
      budget--; P.past = 1;
      if :: P.state == WAITING -> P.off = 1 :: else fi } /* the ask before it is older */
  :: d_step { budget > 0 && P.renewal != 0 && P.kind == OLD && !P.renewPast ->
      printf("process %d: the renewal takes as long as its lease\n", i);
      budget--; P.renewPast = 1 }
  :: d_step { budget > 0 && (P.state == WAITING || P.kind == OLD) && !P.off ->
      printf("process %d: an offer's length passes\n", i);
      budget--; P.off = 1 }
#ifdef OFFERMUTANT
  :: d_step { budget > 0 && P.lease != 0 && !leased && K == P.lease && !P.off ->
      printf("process %d: an offer's length passes\n", i);
      budget--; P.off = 1 }
#endif

#ifndef M_LOOK
  /* A look's timer fires before anybody needs it. */
  :: d_step { budget > 0 && P.state == WAITING && P.cmd == 0 && P.offer == 0 ->
      printf("process %d: looks early\n", i);
      budget--; command(LOOK, 0) }
#endif

  /* A caller leaves; with the last one the ask goes too (Gate.#onEmpty). */
  :: d_step { budget > 0 && P.line > 0 ->
      printf("process %d: a caller leaves\n", i);
      budget--; P.line--;
      if
      :: P.line == 0 && P.state != NONE ->
#ifndef M_LEFT
        if :: P.ask != 0 -> giveUp(P.ask) :: else fi;
#endif
        if
        :: P.cmd == UNRUN -> detach()
        :: else -> clearCommand()
        fi;
        endAsk();
        P.off = 0;
        tidy()
      :: else
      fi }

  /* The process dies. Its connections may look alive for a while. */
  :: d_step { budget > 0 && P.alive ->
      printf("process %d: dies\n", i);
      if :: P.section && K == P.lease -> W(12) :: else fi;
      budget--;
      if :: P.cmd == UNRUN -> detach() :: else -> clearCommand() fi;
      P.alive = 0; P.awake = 0; P.toCome = 0; P.line = 0;
      shiftOffers(); shiftOffers();
      endAsk();
      P.lease = 0; P.kind = 0; P.dl = 0; P.section = 0; P.todo = 0; P.next = 0; P.nextButOne = 0;
      P.off = 0; P.release = 0;
      clearRenewal();
      k = i * T + 1;
      do :: k > i * T + T -> break :: else -> stopGivingUp(k); k++ od;
      k = 0;
      tidy() }
  :: d_step { !P.alive && P.subscribed ->
      printf("server: notices that process %d is gone\n", i);
      P.subscribed = 0 }
  od
}

/* The server's own steps, and commands that no gate waits for. */
active proctype World() {
  byte x;
  do
  /* An ask that no gate waits for: runs late, or is refused as it is later than its `notAfter`. */
  :: atomic { s[0].token != 0 ->
      do :: break :: x < STRAYS - 1 && s[x + 1].token != 0 -> x++ od;
      if
      :: d_step {
          turn(s[x].give, s[x].token, s[x].mode, s[x].at, 1);
          printf("server, late: give up %d, ask with %d (<%d>): <%d>\n", s[x].give, s[x].token, s[x].mode, ta);
          W(3);
          clearStray(x);
          tidy(); x = 0 }
#ifndef M_NOTAFTER
      :: d_step {
          printf("server: too late for asking with %d\n", s[x].token);
          W(4);
          /* The session hears of it, and gives the other token up by itself. */
          if
          :: s[x].give != 0 && p[partyOf(s[x].token)].alive -> giveUp(s[x].give)
          :: else
          fi;
          clearStray(x);
          tidy(); x = 0 }
#endif
      fi }

  /* A token is given up: again, for as long as an ask with it may still run (Withdrawals). */
  :: atomic { givingUp != 0 ->
      do :: givesUp(x) -> break :: (givingUp >> (x + 1)) != 0 -> x++ od;
      d_step {
#ifdef M_TIMEAFTER
        if
        :: (gaveUp >> x) & 1 -> gaveUp = gaveUp & ~(1 << x)
        :: else ->
          turn(x, 0, 0, 0, 0);
          printf("server: give up %d\n", x);
          gaveUp = gaveUp | (1 << x)
        fi;
        ok = !((gaveUp >> x) & 1);
#else
        if :: K == x -> W(14) :: else fi;
        turn(x, 0, 0, 0, 0);
        printf("server: give up %d\n", x);
        ok = 1;
#endif
#ifndef M_NOTAFTER
        k = 0;
        do
        :: k == STRAYS -> break
        :: else -> if :: s[k].token == x -> ok = 0 :: else fi; k++
        od;
        k = 0;
#endif
        if :: ok -> stopGivingUp(x) :: else fi;
        ta = 0; fr = 0; tb = 0;
        tidy(); x = 0 } }

  /* K's time to live ends. */
  :: d_step { K != 0 && mayExpire ->
      printf("server: %d expires\n", K);
      if :: !leased -> W(10) :: leased && owner.section -> W(11) :: else fi;
      K = 0; leased = 0 }

#ifdef FLUSH
  /* The server restarts empty; or somebody deletes K. */
  :: d_step { budget > 0 ->
      printf("server: restarts empty\n");
      if :: K != 0 -> W(16) :: else fi;
      budget--; forgot = 1;
      K = 0; leased = 0; F = 0;
      k = 1;
      do :: k > TOKENS -> break :: else -> score[k] = 0; k++ od;
      k = 0 }
  :: d_step { budget > 0 && K != 0 ->
      printf("server: somebody deletes the key\n");
      budget--; forgot = 1; K = 0; leased = 0 }
#endif
  od
}

#ifdef M_LOOK
#define canLook(x) 0
#else
#define canLook(x) (p[x].state == WAITING && p[x].cmd == 0 && p[x].looks < LOOKS)
#endif
#define canPoll(x) (p[x].state == POLLING && p[x].looks < LOOKS)
#define canAge(x) (p[x].state == WAITING && !p[x].off && K != 0 && K == p[x].ask)

/* Time passes when nothing else can happen: timers fire. When none is left, nobody must wait and nothing must be held. */
active proctype Time() {
  byte i;
  do
  :: atomic { timeout ->
      do :: i < N - 1 -> i++ :: break od;
      if
      :: d_step { canLook(i) ->
          printf("process %d: looks, as its timer fires\n", i);
          P.looks++; command(LOOK, 0); i = 0 }
      :: d_step { canPoll(i) ->
          printf("process %d: asks again, as its timer fires\n", i);
          P.looks++; send(0); i = 0 }
      :: d_step { canAge(i) ->
          printf("process %d: an offer's length passes\n", i);
          P.off = 1; i = 0 }
      :: d_step { else ->
          k = 0; ok = 1; waiterForgotten = 0; orphanStays = 0;
          do
          :: k == N -> break
          :: else ->
            if :: canLook(k) || canPoll(k) || canAge(k) -> ok = 0 :: else fi;
            if :: p[k].line > 0 -> waiterForgotten = 1 :: else fi;
            k++
          od;
          orphanStays = K != 0;
          k = 0; i = 0;
          if
          :: ok -> assert(!waiterForgotten); assert(!orphanStays)
          :: else
          fi }
      fi }
  od
}

init {
  d_step {
    k = 0;
    do
    :: k == N -> break
    :: else ->
      p[k].alive = 1; p[k].subscribed = 1; p[k].awake = 1; p[k].toCome = CALLERS;
      k++
    od;
    k = 0
  }
  atomic {
    run Party(0); run Party(1);
#if N > 2
    run Party(2);
#endif
  }
}
