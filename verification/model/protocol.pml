/*
 * The protocol between processes, for one key and the exclusive kind: a lone caller or a coordinator in each process, one
 * server, and a network that loses and delays. The README beside this file says what is left out, and how the model is run.
 *
 * Time is not counted. What the protocol derives from clocks are bits. The model assumes only the order that clocks
 * guarantee. A process counts a length of time from the moment at which it *sent* a command. The server counts the same
 * length from the moment at which it *ran* the command. So the length is over in the process before it is over at the
 * server. A lease may expire at the server only after its holder's own deadline has passed (`deadlinePassed`). An offer
 * may expire only when its length has passed since the sending of the latest command that the server answered "queued"
 * (`offerPassed`). `mayExpire` has all of these rules. A paused process is one that takes no step.
 *
 * A misfortune (a lost message, a failed command, a pause past a deadline, a crash ...) may happen anywhere, BUDGET times
 * in a run. Timers fire when nothing else can happen (`timeout`). A timer that fires earlier is a misfortune.
 *
 * Switches: N, CALLERS, BUDGET, T, FLUSH and M_*. With FLUSH the server may forget everything, and only fences and
 * waiters are checked. Each M_* is a mutant, which lacks one safeguard.
 */

#ifndef N
#define N 2            /* processes */
#endif
#ifndef CALLERS
#define CALLERS 2      /* callers that come to each process, at any time */
#endif
#ifndef BUDGET
#define BUDGET 2       /* misfortunes in a run */
#endif
#ifndef T
#define T 5            /* tokens of a process that can be in use at once; a token that nothing knows is used again */
#endif
#define ABANDONED 3    /* abandoned commands at once */
#define VAIN_TIMERS 3  /* timers of a waiting process that may fire in vain before it counts as forgotten */
#if defined(M_OFFERLEASE) || defined(M_L0)
#define OFFERMUTANT
#endif
#ifdef M_QUEUESCORE
#define FIRSTSCORE ghostScore
#else
#define FIRSTSCORE queueScore
#endif
#define TOKENS (N * T)
#define sessionOf(t) (((t) - 1) / T)

/* The modes of a request, and the replies to it. */
#define MODE_ONCE 1
#define MODE_QUEUE 2
#define MODE_CHECK 3
#define REPLY_GRANTED 4
#define REPLY_BUSY 5
#define REPLY_QUEUED 6
#define REPLY_NOT_QUEUED 7

/* The states of a key's request (RequestState in request-table.ts). */
#define IDLE 0         /* there is no request */
#define REQUESTING 1   /* the first command with the request's token is under way */
#define QUEUED 2       /* the token stands in the server's queue, and a timer checks */
#define CHECKING 3     /* as QUEUED, and a check is under way */
#define BACKOFF 4      /* a timer sends a new request, or grants can reach the process again */

/*
 * The states of a lone caller (LoneState in lone-caller.ts), 0: there is none. It handles two events alone: the reply
 * "granted", and the end of its lease while it does not wait. Before each other event, a coordinator takes over.
 */
#define LONE_REQUESTING 1
#define LONE_EXCLUSIVE 2

/* The token of the request, and of the lease, whether a lone caller has it or a coordinator. */
#define tokenOf(x) (p[x].lone == LONE_REQUESTING -> p[x].loneToken : p[x].token)
#define leaseOf(x) (p[x].lone == LONE_EXCLUSIVE -> p[x].loneToken : p[x].lease)
#define waitersOf(x) (p[x].lone -> p[x].loneWaits : p[x].waiters)

/* What a key serves (ServingState in batch-set.ts). There are no shared leases, so "admitting" and "open" are missing. */
#define NOTHING(x) (leaseOf(x) == 0)
#define EXCLUSIVE(x) (leaseOf(x) != 0)

/* The states of a lease. */
#define CONFIRMED 1
#define YOUNG 2        /* an offer under which a hold runs before the confirmation */
#define OLD 3          /* an offer that is no lease before the confirmation */

/* The states of a command that is under way. */
#define UNRUN 1
#define RAN 2

/* ---- the server ---- */

byte K;                /* the owner's token, 0: free */
bit leased;            /* 1: K lasts as long as a lease, 0: as long as an offer */
byte score[TOKENS + 1];/* the queue: the score of each waiting token, 0: not in the queue */
byte lastScore;        /* stands for the server's clock, by which a new score is the highest */
byte F;                /* the fence counter */

/* ---- processes ---- */

typedef Process {
  bit alive;
  bit subscribed;      /* at the server: PUBLISH counts the process */
  bit canNotify;       /* in the process: it expects that grants can reach it */
  byte toCome;         /* callers that have not come yet */
  /* the lone caller */
  byte lone;           /* its state */
  byte loneToken;      /* the token of its request, then of its lease */
  bit loneWaits;       /* it has no hold yet */
  /* the coordinator's callers and its request */
  byte waiters;        /* callers that wait */
  byte token;          /* 0: none */
  byte state;
  bit offerPassed;     /* the length of an offer has passed since the sending named above: an offer may have ended */
  byte offer;          /* the fence of an offer for the token, 0: none */
  bit recheck;         /* a check follows the reply: messages may have been lost since the command was sent */
  byte queueScore;     /* from the latest reply "queued" */
#ifdef M_QUEUESCORE
  byte ghostScore;     /* a copy for `nobodyPassed`: the mutant forgets the score */
#endif
  byte vainTimers;     /* timers that fired in vain */
  /* the command that carries the request, and its reply */
  byte cmd;            /* 0, UNRUN, RAN */
  byte release;        /* the token that the command releases, 0: none */
  byte mode;
  byte replyScore;     /* the queue score in the reply */
  byte count;          /* fences to draw */
  byte reply;
  byte fence;
  bit commandPassed;   /* the length of a lease has passed since the command was sent */
  /* the batch and its lease */
  byte lease;          /* its token, 0: none, or a lone caller has it */
  byte leaseState;
  bit deadlinePassed;  /* the deadline of the lease has passed */
  bit hold;            /* a hold runs */
  byte toServe;        /* callers that the batch may still serve */
  byte next;           /* the fences in hand, 0: none */
  byte nextButOne;
  byte renewal;        /* 0, UNRUN, RAN */
  bit renewed;         /* the reply to the renewal */
  bit renewalPassed;   /* the length of a lease has passed since the renewal was sent */
  byte renewCount;     /* fences that the renewal draws */
  byte renewFence;     /* the first of them */
  byte releaseAlone;   /* a lease's token, released by a command of its own; runs before later commands */
  /* offers under way, in order: token and fence */
  byte m1;
  byte f1;
  byte m2;
  byte f2;
}
Process p[N];

/* Tokens that are released in the background, again until that has surely worked (SessionCommands, OrphanCleanup). */
int releasing;         /* one bit a token */
#define isReleasing(t) ((releasing >> (t)) & 1)
#define releaseInBackground(t) releasing = releasing | (1 << (t))
#define releaseDone(t) releasing = releasing & ~(1 << (t))
#ifdef M_TIMEAFTER
int clockUnread;       /* tokens that were released once more, and the clock has not been read since */
#endif

/* Commands that have failed, and commands of requests that have ended. They may still run. */
typedef Abandoned {
  byte token;          /* 0: none */
  byte release;
  byte mode;
  byte queueScore;
}
Abandoned abandoned[ABANDONED];

byte budget = BUDGET;
bit forgot;            /* the server forgot its state, or a client deleted K: leases exclude nobody then */

/* ---- what must hold ---- */

byte lastStarted;      /* the fence of the latest hold */
#ifdef FLUSH
byte lastDrawn;        /* stands for the server's clock: the counter is never ahead of the clock */
#endif

#define knownScore(x) p[x].FIRSTSCORE

/* Counts how often each situation was met. A search that finds no fault must have met all of them. */
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

/* Draws `n` consecutive fences. The first one is in `fr`. */
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

/* The queue grants the key to score `hs`. A waiter that was told of a lower score must not be passed. */
inline checkOrder() {
  nobodyPassed = 1;
  k = 1;
  do
  :: k > TOKENS -> break
  :: else ->
    if
    :: score[k] > 0 && p[sessionOf(k)].token == k && knownScore(sessionOf(k)) > 0 && knownScore(sessionOf(k)) < hs ->
      nobodyPassed = 0
    :: else
    fi;
    k++
  od;
  k = 0;
  assert(nobodyPassed)
}

/* K is free. Its new owner is the first of the queue that can be reached. `requester_` gets a reply, not a message. */
inline promote(requester_) {
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
    :: h != 0 && (h == requester_ || p[sessionOf(h)].subscribed) ->
      score[h] = 0;
      checkOrder();
      K = h; leased = h == requester_;
      if
      :: leased -> skip
      :: else ->
        printf("server: offers K to %d\n", h);
        draw(1);
        if
        :: !p[sessionOf(h)].alive || p[sessionOf(h)].m2 != 0 -> skip
        :: p[sessionOf(h)].alive && p[sessionOf(h)].m1 == 0 -> p[sessionOf(h)].m1 = h; p[sessionOf(h)].f1 = fr
        :: else -> p[sessionOf(h)].m2 = h; p[sessionOf(h)].f2 = fr
        fi
      fi;
      break
    :: else -> score[h] = 0; printf("server: skips %d, which no PUBLISH reaches\n", h)
    fi
  od;
  h = 0; hs = 0; k = 0
}

/* The script `exchange`. The reply is in `ta`, its fence in `fr`, its queue score in `tb`. */
inline exchange(release_, token_, mode_, queueScore_, count_) {
  ta = 0; tb = 0; fr = 0;
  if
  :: release_ != 0 ->
    if
#ifdef M_ANYRELEASE
    :: K != 0 -> K = 0; leased = 0
#else
    :: K == release_ -> K = 0; leased = 0
#endif
    :: else -> score[release_] = 0
    fi
  :: else
  fi;
  h = 0; k = 1;
  do :: k > TOKENS -> break :: else -> if :: score[k] > 0 -> h = 1 :: else fi; k++ od;
  k = 0;
  if
  :: token_ != 0 && mode_ != MODE_CHECK && h == 0 && K == 0 -> K = token_
  :: else ->
    h = 0;
    if
    :: token_ != 0 && mode_ == MODE_QUEUE && K != token_ && score[token_] == 0 ->
      if
      :: queueScore_ > 0 -> score[token_] = queueScore_
      :: else -> lastScore++; score[token_] = lastScore
      fi
    :: else
    fi;
    if :: K == 0 -> promote(token_) :: else fi
  fi;
  h = 0;
  if
  :: token_ == 0 -> skip
  :: token_ != 0 && (K == token_ || (K == 0 && mode_ == MODE_ONCE)) ->
    K = token_; leased = 1; draw(count_); ta = REPLY_GRANTED
  :: else ->
    if
    :: mode_ == MODE_ONCE -> ta = REPLY_BUSY
    :: mode_ != MODE_ONCE && score[token_] == 0 -> ta = REPLY_NOT_QUEUED
    :: else -> ta = REPLY_QUEUED; tb = score[token_]
    fi;
    fr = 0
  fi
}

/* Only the order of scores and of fences matters. They are moved down, so that equal situations are equal states. */
#define low(v) if :: v > 0 && v <= tb -> tb = v - 1 :: else fi
#define high(v) if :: v > ta -> ta = v :: else fi
#define lower(v) v = (v > 0 -> v - tb : 0)
inline tidy() {
  /* abandoned commands */
  k = 0;
  do
  :: k == ABANDONED - 1 -> break
  :: else ->
    if
    :: abandoned[k].token == 0 && abandoned[k + 1].token != 0 ->
      abandoned[k].token = abandoned[k + 1].token;
      abandoned[k].release = abandoned[k + 1].release;
      abandoned[k].mode = abandoned[k + 1].mode;
      abandoned[k].queueScore = abandoned[k + 1].queueScore;
      clearAbandoned(k + 1)
    :: else
    fi;
    k++
  od;
  /* scores */
  ta = 0; tb = 254; k = 1;
  do :: k > TOKENS -> break :: else -> low(score[k]); high(score[k]); k++ od;
  k = 0;
  do :: k == ABANDONED -> break :: else -> low(abandoned[k].queueScore); high(abandoned[k].queueScore); k++ od;
  k = 0;
  do
  :: k == N -> break
  :: else -> low(p[k].queueScore); high(p[k].queueScore); low(p[k].replyScore); high(p[k].replyScore); k++
  od;
  if
  :: ta == 0 -> lastScore = 0
  :: ta > 0 && tb == 0 -> lastScore = ta
  :: else ->
    lastScore = ta - tb;
    k = 1;
    do :: k > TOKENS -> break :: else -> lower(score[k]); k++ od;
    k = 0;
    do :: k == ABANDONED -> break :: else -> lower(abandoned[k].queueScore); k++ od;
    k = 0;
    do
    :: k == N -> break
    :: else ->
      lower(p[k].queueScore); lower(p[k].replyScore);
#ifdef M_QUEUESCORE
      p[k].ghostScore = (p[k].ghostScore > tb -> p[k].ghostScore - tb : 0);
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

/* Whether K's time to live may end now: see the top. */
#define owner p[sessionOf(K)]
#ifdef OFFERMUTANT
#define deadline (leased -> owner.deadlinePassed : owner.offerPassed)
#else
#define deadline owner.deadlinePassed
#endif
#define leaseMayEnd \
  (owner.leaseState == OLD -> (owner.renewal == RAN -> owner.renewalPassed : owner.offerPassed) : deadline)
#define requestMayEnd \
  (owner.cmd == RAN || owner.lone || owner.state == REQUESTING -> owner.commandPassed : owner.offerPassed)
/* A lease that nobody has or releases any more does not end here: it would stay for its whole length. */
#define deadMayEnd (!leased || isReleasing(K) || owner.releaseAlone == K || forgot)
#define mayExpire \
  (!owner.alive || \
    (leaseOf(sessionOf(K)) == K -> leaseMayEnd : (tokenOf(sessionOf(K)) == K -> requestMayEnd : deadMayEnd)))

/* ---- the coordinator and its batch, in process i ---- */

#define P p[i]

/* Sets `ok` to 1 if nothing knows token t. */
inline unknown(t) {
  ok = K != t && score[t] == 0 && !isReleasing(t) && P.token != t && P.lease != t && P.loneToken != t;
  ok = ok && P.release != t && P.releaseAlone != t && P.m1 != t && P.m2 != t;
  k = 0;
  do
  :: k == ABANDONED -> break
  :: else -> if :: abandoned[k].token == t || abandoned[k].release == t -> ok = 0 :: else fi; k++
  od;
  k = 0
}

/* LeaseRequester.#command. A check changes the state. */
inline sendCommand(mode_, release_) {
  assert(P.cmd == 0);
  P.cmd = UNRUN;
  P.mode = mode_;
  P.release = release_;
  P.count = (P.waiters > 1 -> P.waiters : 1);
  P.commandPassed = 0;
  P.reply = 0; P.fence = 0; P.replyScore = 0;
  if :: mode_ == MODE_CHECK -> P.state = CHECKING :: else fi
}

/* Sets `j` to a new token. It is not the released one in `tb`. */
inline newToken() {
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
  assert(ok)
}

#define newMode (P.canNotify -> MODE_QUEUE : MODE_ONCE)

/* LeaseRequester.#send: a request with a new token. */
inline sendRequest(release_) {
  tb = release_;
  P.token = 0;
  newToken();
  P.token = j; P.state = REQUESTING; P.offerPassed = 0; P.offer = 0; P.recheck = 0;
  j = 0;
  sendCommand(newMode, tb);
  tb = 0
}

/* The process has forgotten the key. */
#define noCoordinator (NOTHING(i) && P.state == IDLE && P.waiters == 0 && !P.hold)

/* LoneCaller.run: the first caller of the key. */
inline startAlone() {
  newToken();
  P.lone = LONE_REQUESTING; P.loneToken = j; P.loneWaits = 1;
  j = 0;
  sendCommand(newMode, 0)
}

/* KeyRegistry's promotion: a coordinator takes over in the same states, with the request, the lease and the waiter. */
inline takeOver() {
  if
  :: P.lone == LONE_REQUESTING ->
#ifdef M_PROMOTEREQUEST
    /* The coordinator starts idle, and takes the reply for a late one. */
    releaseInBackground(P.loneToken);
    P.token = P.loneToken;
    if :: P.cmd == UNRUN -> abandon() :: else -> clearCommand() fi;
    P.token = 0
#else
    P.token = P.loneToken; P.state = REQUESTING
#endif
  :: else ->
#ifdef M_PROMOTELEASE
    P.leaseState = 0; P.deadlinePassed = 0
#else
    P.lease = P.loneToken
#endif
  fi;
#ifndef M_PROMOTEWAITER
  P.waiters = P.loneWaits; P.loneWaits = 0;
#endif
  P.lone = 0; P.loneToken = 0
}

/* The request ends, or has failed, while its command may still run. */
inline abandon() {
  k = 0;
  do
  :: k == ABANDONED -> break
  :: else -> if :: abandoned[k].token == 0 -> break :: else -> k++ fi
  od;
  assert(k < ABANDONED);
  abandoned[k].token = P.token;
  abandoned[k].release = P.release;
  abandoned[k].mode = P.mode;
  abandoned[k].queueScore = (P.mode == MODE_QUEUE -> P.queueScore : 0);
  k = 0;
  clearCommand()
}

inline clearCommand() {
  P.cmd = 0; P.release = 0; P.mode = 0; P.replyScore = 0; P.count = 0; P.reply = 0; P.fence = 0; P.commandPassed = 0
}

inline clearAbandoned(x) {
  abandoned[x].token = 0; abandoned[x].release = 0; abandoned[x].mode = 0; abandoned[x].queueScore = 0
}

inline clearQueueScore() {
  P.queueScore = 0;
#ifdef M_QUEUESCORE
  P.ghostScore = 0
#endif
}

/* The request ends. */
inline endRequest() {
  P.token = 0; P.state = IDLE; P.vainTimers = 0; P.offer = 0; P.recheck = 0;
  clearQueueScore()
}

/* LeaseBatch.#start: one hold, with the next fence. */
inline startHold() {
  assert(waitersOf(i) > 0 && P.next > 0 && !P.hold);
  if :: P.lone -> P.loneWaits = 0 :: else -> P.waiters-- fi;
  P.toServe--; P.hold = 1;
  exclusive = 1; k = 0;
  do
  :: k == N -> break
  :: else -> if :: k != i && p[k].hold && !p[k].deadlinePassed && !forgot -> exclusive = 0 :: else fi; k++
  od;
  k = 0;
  assert(exclusive);
  fencesIncrease = forgot || P.next > lastStarted;
  assert(fencesIncrease);
  lastStarted = P.next;
  printf("process %d: a hold starts under %d, fence %d\n", i, leaseOf(i), P.next);
  P.next = P.nextButOne; P.nextButOne = 0
}

/* KeyCoordinator.#over: the batch is over. If callers wait, the release shares a command with the next request. */
inline batchOver() {
#ifndef M_LONEOVER
  if :: P.lone && P.loneWaits -> W(20); takeOver() :: else fi;
#endif
  j = leaseOf(i);
  if :: P.lone -> W(19); P.lone = 0; P.loneToken = 0 :: else fi;
  P.lease = 0; P.leaseState = 0; P.deadlinePassed = 0; P.hold = 0; P.toServe = 0; P.next = 0; P.nextButOne = 0;
  P.offerPassed = 0;
  clearRenewal();
  if
  :: P.waiters > 0 -> sendRequest(j)
  :: else -> P.releaseAlone = j
  fi;
  j = 0
}

inline clearRenewal() {
  P.renewal = 0; P.renewed = 0; P.renewalPassed = 0; P.renewCount = 0; P.renewFence = 0
}

/* LeaseBatch.#admit, when no hold runs. */
inline nextHold() {
  ok = !P.deadlinePassed && waitersOf(i) > 0 && P.toServe > 0;
  if
  :: ok && P.leaseState != CONFIRMED && P.renewal != 0 -> skip /* the confirmation is awaited */
  :: ok && (P.leaseState == CONFIRMED || P.renewal == 0) && P.next > 0 -> startHold()
  :: else -> batchOver()
  fi
}

/* startOffered: the offer for the request's token becomes a lease. */
inline serveOffer(leaseState_) {
  P.lease = P.token;
  P.leaseState = leaseState_;
  P.deadlinePassed = 0;
  P.toServe = P.waiters;
  P.nextButOne = 0;
  P.renewal = UNRUN;
/* M_OLDFENCE breaks no property with 2 processes x 2 callers and 2 misfortunes: run.mjs does not list it. */
#ifdef M_OLDFENCE
  P.next = P.offer; P.renewCount = P.waiters - 1;
#else
  if
  /* Another process may have had the key since that fence. */
  :: leaseState_ == OLD -> P.next = 0; P.renewCount = P.waiters
  :: else -> P.next = P.offer; P.renewCount = P.waiters - 1
  fi;
#endif
  P.offer = 0;
  endRequest()
}

inline shiftOffers() {
  P.m1 = P.m2; P.f1 = P.f2; P.m2 = 0; P.f2 = 0
}


proctype Session(byte i) {
  do
  /* -- what happens by itself -- */

  /* A caller comes (KeyRegistry.acquire). */
  :: d_step { P.alive && P.toCome > 0 && !P.lone ->
      printf("process %d: a caller comes\n", i);
      P.toCome--;
      if
      :: noCoordinator -> startAlone()
      :: else ->
        P.waiters++;
        if
        :: NOTHING(i) && P.state == IDLE -> sendRequest(0)
        :: else
        fi
      fi }

  /* A lone caller's next event is one for a coordinator. Or the lock is inspected, which may happen at any time. */
  :: d_step { P.lone ->
      printf("process %d: a coordinator takes over from the lone caller\n", i);
      if :: P.lone == LONE_REQUESTING -> W(17) :: else -> W(18) fi;
      takeOver() }

  /* The server runs the command. Commands of one connection run in the order in which they were sent. */
  :: d_step { P.cmd == UNRUN && P.releaseAlone == 0 ->
      j = tokenOf(i);
      exchange(P.release, j, P.mode, P.queueScore, P.count);
      P.cmd = RAN; P.reply = ta; P.fence = fr; P.replyScore = tb;
#ifndef M_OLDOFFER
      /* The reply has the latest fence. An offer that is not above that fence has ended, and is not believed. */
      if
      :: ta == REPLY_QUEUED ->
        P.offer = 0;
        if :: P.m1 == j -> P.f1 = 0 :: else fi;
        if :: P.m2 == j -> P.f2 = 0 :: else fi
      :: else
      fi;
#endif
      printf("server: releases %d, request %d (<%d>): <%d>, score %d, fence %d\n",
        P.release, j, P.mode, ta, tb, fr);
      j = 0; ta = 0; fr = 0; tb = 0;
      tidy() }

  /* The server runs a release. */
  :: d_step { P.releaseAlone != 0 ->
      exchange(P.releaseAlone, 0, 0, 0, 0);
      printf("server: releases %d\n", P.releaseAlone);
      P.releaseAlone = 0;
      ta = 0; fr = 0; tb = 0;
      tidy() }

  /* The reply to the request comes (LeaseRequester.onReply, LoneCaller.onReply). */
  :: d_step { P.cmd == RAN && (!P.lone || P.reply == REPLY_GRANTED) ->
      printf("process %d: the reply comes: <%d>\n", i, P.reply);
      if
      :: P.reply == REPLY_GRANTED ->
        if :: P.mode == MODE_CHECK -> W(7) :: P.mode == MODE_ONCE -> W(8) :: else fi;
        if :: P.commandPassed -> W(9) :: else fi;
        P.leaseState = CONFIRMED; P.offerPassed = 0;
#ifdef M_REPLYTIME
        P.deadlinePassed = 0;
#else
        P.deadlinePassed = P.commandPassed;
#endif
        P.toServe = (waitersOf(i) < P.count -> waitersOf(i) : P.count);
        P.next = P.fence; P.nextButOne = (P.count > 1 -> P.fence + 1 : 0);
        clearCommand();
        if
        :: P.lone -> P.lone = LONE_EXCLUSIVE
        :: else -> P.lease = P.token; endRequest()
        fi;
        nextHold()
      :: P.reply == REPLY_QUEUED ->
        P.state = QUEUED;
        P.offerPassed = P.commandPassed;
        P.queueScore = P.replyScore;
#ifdef M_QUEUESCORE
        P.ghostScore = (P.ghostScore > 0 -> P.ghostScore : P.replyScore);
#endif
        clearCommand();
        if
        :: P.recheck && P.offer == 0 -> P.recheck = 0; sendCommand(MODE_CHECK, 0)
        :: else
        fi
#ifdef M_NOTQUEUED
      :: P.reply == REPLY_NOT_QUEUED -> P.state = QUEUED; clearCommand()
#endif
      :: else -> /* REPLY_NOT_QUEUED or REPLY_BUSY */
        if :: P.reply == REPLY_NOT_QUEUED && P.queueScore > 0 -> W(6) :: else fi;
        clearCommand();
#ifdef M_QUEUESCORE
        P.queueScore = 0;
#endif
        if
        :: P.canNotify -> sendRequest(0)
        :: else -> P.token = 0; P.state = BACKOFF; P.offerPassed = 0; P.offer = 0; P.recheck = 0
        fi
      fi;
      tidy() }

  /* An offer comes (LeaseRequester.onGrant). If a reply about its token is awaited, the reply decides. */
  :: d_step { P.m1 != 0 && !P.lone ->
      printf("process %d: an offer comes for %d\n", i, P.m1);
      if
      :: P.m1 == P.token -> P.offer = P.f1
      :: P.m1 != P.token && P.m1 == P.lease -> skip
      :: else ->
        printf("process %d: %d is dead: returns the offer\n", i, P.m1);
        W(1);
        releaseInBackground(P.m1)
      fi;
      shiftOffers(); tidy() }
#ifdef M_TAKEN
  /* The mutant does not wait for the reply, and the command fails. */
  :: d_step { budget > 0 && P.m1 != 0 && P.m1 == P.token && P.cmd != 0 && !P.commandPassed ->
      printf("process %d: an offer comes for %d: confirms it, and starts; then the command fails\n", i, P.m1);
      budget--;
      releaseInBackground(P.token);
      if :: P.cmd == UNRUN -> abandon() :: else -> clearCommand() fi;
      P.offer = P.f1; P.offerPassed = 0; serveOffer(YOUNG); startHold(); shiftOffers(); tidy() }
#endif

  /* The offer is served: at once, or after the reply. */
#ifdef OFFERMUTANT
  :: d_step { P.offer != 0 && P.cmd == 0 ->
      printf("process %d: takes the offer for %d, and starts\n", i, P.token);
#ifdef M_OFFERLEASE
      serveOffer(CONFIRMED); clearRenewal();
#else
      serveOffer(YOUNG);
#endif
      startHold() }
#else
  :: d_step { P.offer != 0 && P.cmd == 0 && !P.offerPassed ->
      printf("process %d: takes the offer for %d: confirms it, and starts\n", i, P.token);
      W(2);
      serveOffer(YOUNG); startHold(); tidy() }
  :: d_step { P.offer != 0 && P.cmd == 0 && (P.offerPassed || budget > 0) ->
      printf("process %d: takes the offer for %d, which is old: confirms it first\n", i, P.token);
      if :: P.offerPassed -> skip :: else -> budget-- fi;
      serveOffer(OLD); tidy() }
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
        leased = 1; P.renewed = 1;
        if
        :: P.renewCount > 0 -> draw(P.renewCount); P.renewFence = fr; fr = 0
        :: else
        fi
      :: else
      fi }

  /* The reply to the renewal comes. */
  :: d_step { P.renewal == RAN ->
      printf("process %d: the renewal's reply comes: %d\n", i, P.renewed);
      if :: !P.renewed -> W(13) :: else fi;
      if
      :: !P.renewed || (P.leaseState != OLD && P.deadlinePassed) || (P.leaseState == OLD && P.renewalPassed) ->
        batchOver() /* lost */
      :: else ->
        if :: P.leaseState == OLD && P.waiters > 0 -> W(5) :: else fi;
        P.leaseState = CONFIRMED; P.offerPassed = 0;
        if
        :: P.next == 0 -> P.next = P.renewFence; P.nextButOne = (P.renewCount > 1 -> P.renewFence + 1 : 0)
        :: else -> P.nextButOne = P.renewFence
        fi;
        clearRenewal();
        if
        :: !P.hold -> nextHold()
        :: else
        fi
      fi;
      tidy() }

  /* A failed confirmation is tried again while the hold runs. */
  :: d_step { P.leaseState == YOUNG && P.renewal == 0 && P.hold && !P.deadlinePassed ->
      printf("process %d: renews again\n", i);
      P.renewal = UNRUN }

  /* The hold ends. */
  :: d_step { P.hold ->
      printf("process %d: the hold ends\n", i);
      P.hold = 0;
#ifdef M_PROMOTELEASE
      if :: NOTHING(i) -> P.toServe = 0; P.next = 0; P.nextButOne = 0 :: else -> nextHold() fi;
#else
      nextHold();
#endif
      if :: P.hold -> W(15) :: else fi;
      tidy() }

  /* The holder notices that its deadline has passed. */
  :: d_step { EXCLUSIVE(i) && P.deadlinePassed ->
      printf("process %d: notices that the lease is over\n", i);
      batchOver(); tidy() }

  /* The connection for grants is found dead, and opened again. Then the request is checked (onReconnected). */
  :: d_step { P.canNotify && !P.subscribed ->
      printf("process %d: finds the connection for grants dead\n", i);
      P.canNotify = 0 }
  :: d_step { P.alive && !P.canNotify && !P.lone ->
      printf("process %d: subscribes again\n", i);
      P.subscribed = 1; P.canNotify = 1;
      if
      :: P.state == QUEUED && P.offer == 0 -> sendCommand(MODE_CHECK, 0)
      :: P.state == BACKOFF -> sendRequest(0)
      :: P.cmd != 0 -> P.recheck = 1
      :: else
      fi }

  /* -- misfortunes -- */

  :: d_step { budget > 0 -> budget-- }

  /* The request or the check fails: the command or its reply was lost, or no reply came in time. It may still run. */
  :: d_step { budget > 0 && P.cmd != 0 && !P.lone ->
      printf("process %d: the command fails (it has run: %d): requests again\n", i, P.cmd == RAN);
      budget--;
      releaseInBackground(P.token);
      if :: P.release != 0 -> releaseInBackground(P.release) :: else fi;
      if
      :: P.cmd == UNRUN -> abandon()
      :: else -> clearCommand()
      fi;
#ifdef M_QUEUESCORE
      P.queueScore = 0;
#endif
#ifdef M_TOKEN
      P.state = REQUESTING; P.offerPassed = 0; P.offer = 0; P.recheck = 0;
      sendCommand(newMode, 0)
#else
      sendRequest(0)
#endif
      }

  /* The connection is cut after the command ran, and the client sends the command again. The reply may come first. */
  :: d_step { budget > 0 && P.cmd == RAN ->
      printf("process %d: the command is sent again\n", i);
      budget--; P.recheck = !P.lone;
      P.cmd = UNRUN; P.reply = 0; P.fence = 0; P.replyScore = 0 }

  /* The renewal fails, whether it has run or not. */
  :: d_step { budget > 0 && P.renewal != 0 ->
      printf("process %d: the renewal fails (it has run: %d)\n", i, P.renewal == RAN);
      budget--;
      clearRenewal();
      if
      :: P.hold -> skip
      :: else -> batchOver()
      fi;
      tidy() }

  /* A release fails. It may have run, and is tried again in the background. */
  :: d_step { budget > 0 && P.releaseAlone != 0 ->
      printf("process %d: the release fails\n", i);
      budget--;
      releaseInBackground(P.releaseAlone); P.releaseAlone = 0 }

  /* An offer's message is lost. */
  :: d_step { budget > 0 && P.m1 != 0 ->
      printf("process %d: the offer's message is lost\n", i);
      budget--; shiftOffers(); tidy() }

  /* The connection for grants breaks. */
  :: d_step { budget > 0 && P.alive && P.subscribed ->
      printf("process %d: the connection for grants breaks\n", i);
      budget--; P.subscribed = 0; shiftOffers(); shiftOffers(); tidy() }

  /* A pause, or a slow network: a deadline passes. */
  :: d_step { budget > 0 && EXCLUSIVE(i) && P.leaseState != OLD && !P.deadlinePassed ->
      printf("process %d: the lease's deadline passes\n", i);
      budget--; P.deadlinePassed = 1 }
  :: d_step { budget > 0 && P.cmd != 0 && !P.commandPassed ->
      printf("process %d: the command takes as long as its lease\n", i);
      budget--; P.commandPassed = 1;
      if :: P.state == CHECKING -> P.offerPassed = 1 :: else fi } /* the command before is older */
  :: d_step { budget > 0 && P.renewal != 0 && P.leaseState == OLD && !P.renewalPassed ->
      printf("process %d: the renewal takes as long as its lease\n", i);
      budget--; P.renewalPassed = 1 }
  :: d_step { budget > 0 && (P.state == QUEUED || P.state == CHECKING || P.leaseState == OLD) && !P.offerPassed ->
      printf("process %d: an offer's length passes\n", i);
      budget--; P.offerPassed = 1 }
#ifdef OFFERMUTANT
  :: d_step { budget > 0 && EXCLUSIVE(i) && !leased && K == P.lease && !P.offerPassed ->
      printf("process %d: an offer's length passes\n", i);
      budget--; P.offerPassed = 1 }
#endif

#ifndef M_CHECK
  /* The timer of a check fires before the check is needed. */
  :: d_step { budget > 0 && P.state == QUEUED && P.offer == 0 ->
      printf("process %d: checks early\n", i);
      budget--; sendCommand(MODE_CHECK, 0) }
#endif

  /* A caller leaves. With the last caller the request ends ("nobody waits"). */
  :: d_step { budget > 0 && P.waiters > 0 ->
      printf("process %d: a caller leaves\n", i);
      budget--; P.waiters--;
      if
      :: P.waiters == 0 && P.state != IDLE ->
#ifndef M_LEFT
        if :: P.token != 0 -> releaseInBackground(P.token) :: else fi;
#endif
        if
        :: P.cmd == UNRUN -> abandon()
        :: else -> clearCommand()
        fi;
        endRequest();
        P.offerPassed = 0;
        tidy()
      :: else
      fi }

  /* The process dies. Its connections may seem alive for a while. */
  :: d_step { budget > 0 && P.alive ->
      printf("process %d: dies\n", i);
      if :: P.hold && K == leaseOf(i) -> W(12) :: else fi;
      budget--;
      if :: P.cmd == UNRUN -> abandon() :: else -> clearCommand() fi;
      P.alive = 0; P.canNotify = 0; P.toCome = 0; P.waiters = 0;
      shiftOffers(); shiftOffers();
      P.lone = 0; P.loneToken = 0; P.loneWaits = 0;
      endRequest();
      P.lease = 0; P.leaseState = 0; P.deadlinePassed = 0; P.hold = 0; P.toServe = 0; P.next = 0; P.nextButOne = 0;
      P.offerPassed = 0; P.releaseAlone = 0;
      clearRenewal();
      k = i * T + 1;
      do :: k > i * T + T -> break :: else -> releaseDone(k); k++ od;
      k = 0;
      tidy() }
  :: d_step { !P.alive && P.subscribed ->
      printf("server: notices that process %d is gone\n", i);
      P.subscribed = 0 }
  od
}

/* The server's own steps, and commands of which nobody awaits the reply. */
active proctype World() {
  byte x;
  do
  /* An abandoned command runs late, or is refused, because it is later than its `notAfter`. */
  :: atomic { abandoned[0].token != 0 ->
      do :: break :: x < ABANDONED - 1 && abandoned[x + 1].token != 0 -> x++ od;
      if
      :: d_step {
          exchange(abandoned[x].release, abandoned[x].token, abandoned[x].mode, abandoned[x].queueScore, 1);
          printf("server, late: releases %d, request %d (<%d>): <%d>\n",
            abandoned[x].release, abandoned[x].token, abandoned[x].mode, ta);
          W(3);
          clearAbandoned(x);
          tidy(); x = 0 }
#ifndef M_NOTAFTER
      :: d_step {
          printf("server: too late for request %d\n", abandoned[x].token);
          W(4);
          /* The reply tells the session so, and the session releases the other token by a command of its own. */
          if
          :: abandoned[x].release != 0 && p[sessionOf(abandoned[x].token)].alive ->
            releaseInBackground(abandoned[x].release)
          :: else
          fi;
          clearAbandoned(x);
          tidy(); x = 0 }
#endif
      fi }

  /* A token is released, again for as long as a command with that token may still run (OrphanCleanup). */
  :: atomic { releasing != 0 ->
      do :: isReleasing(x) -> break :: (releasing >> (x + 1)) != 0 -> x++ od;
      d_step {
#ifdef M_TIMEAFTER
        if
        :: (clockUnread >> x) & 1 -> clockUnread = clockUnread & ~(1 << x)
        :: else ->
          exchange(x, 0, 0, 0, 0);
          printf("server: releases %d\n", x);
          clockUnread = clockUnread | (1 << x)
        fi;
        ok = !((clockUnread >> x) & 1);
#else
        if :: K == x -> W(14) :: else fi;
        exchange(x, 0, 0, 0, 0);
        printf("server: releases %d\n", x);
        ok = 1;
#endif
#ifndef M_NOTAFTER
        k = 0;
        do
        :: k == ABANDONED -> break
        :: else -> if :: abandoned[k].token == x -> ok = 0 :: else fi; k++
        od;
        k = 0;
#endif
        if :: ok -> releaseDone(x) :: else fi;
        ta = 0; fr = 0; tb = 0;
        tidy(); x = 0 } }

  /* K's time to live ends. */
  :: d_step { K != 0 && mayExpire ->
      printf("server: %d expires\n", K);
      if :: !leased -> W(10) :: leased && owner.hold -> W(11) :: else fi;
      K = 0; leased = 0 }

#ifdef FLUSH
  /* The server restarts empty, or a foreign client deletes K. */
  :: d_step { budget > 0 ->
      printf("server: restarts empty\n");
      if :: K != 0 -> W(16) :: else fi;
      budget--; forgot = 1;
      K = 0; leased = 0; F = 0;
      k = 1;
      do :: k > TOKENS -> break :: else -> score[k] = 0; k++ od;
      k = 0 }
  :: d_step { budget > 0 && K != 0 ->
      printf("server: a foreign client deletes the key\n");
      budget--; forgot = 1; K = 0; leased = 0 }
#endif
  od
}

#ifdef M_CHECK
#define canCheck(x) 0
#else
#define canCheck(x) (p[x].state == QUEUED && p[x].vainTimers < VAIN_TIMERS)
#endif
#define canRequest(x) (p[x].state == BACKOFF && p[x].vainTimers < VAIN_TIMERS)
#define canAge(x) (p[x].state == QUEUED && !p[x].offerPassed && K != 0 && K == p[x].token)

/* When nothing else can happen, time passes and timers fire. When no timer is left, nobody may wait or hold the key. */
active proctype Time() {
  byte i;
  do
  :: atomic { timeout ->
      do :: i < N - 1 -> i++ :: break od;
      if
      :: d_step { canCheck(i) ->
          printf("process %d: checks, as its timer fires\n", i);
          P.vainTimers++; sendCommand(MODE_CHECK, 0); i = 0 }
      :: d_step { canRequest(i) ->
          printf("process %d: requests again, as its timer fires\n", i);
          P.vainTimers++; sendRequest(0); i = 0 }
      :: d_step { canAge(i) ->
          printf("process %d: an offer's length passes\n", i);
          P.offerPassed = 1; i = 0 }
      :: d_step { else ->
          k = 0; ok = 1; waiterForgotten = 0; orphanStays = 0;
          do
          :: k == N -> break
          :: else ->
            if :: canCheck(k) || canRequest(k) || canAge(k) -> ok = 0 :: else fi;
            if :: p[k].waiters > 0 || p[k].loneWaits -> waiterForgotten = 1 :: else fi;
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
      p[k].alive = 1; p[k].subscribed = 1; p[k].canNotify = 1; p[k].toCome = CALLERS;
      k++
    od;
    k = 0
  }
  atomic {
    run Session(0); run Session(1);
#if N > 2
    run Session(2);
#endif
  }
}
