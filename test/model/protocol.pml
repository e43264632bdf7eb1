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
    :: score[k] > 0 && p[partyOf(k)].ask == k && GHOST(partyOf(k)) > 0 && GHOST(partyOf(k)) < hs -> nobodyPassed = 0
    :: else
    fi;
    k++
  od;
  k = 0;
  assert(nobodyPassed)
}

/* K is free: hands it to the first in the queue that can be reached; to `asker` without a message. */
inline promote(asker) {
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
    :: h != 0 && h == asker ->
      score[h] = 0;
      checkOrder();
      K = h; full = 1;
      break
    :: h != 0 && h != asker && p[partyOf(h)].subscribed ->
      score[h] = 0;
      checkOrder();
      K = h; full = 0;
      draw(1);
      if
      :: !p[partyOf(h)].alive || p[partyOf(h)].m2 != 0 -> skip
      :: p[partyOf(h)].alive && p[partyOf(h)].m1 == 0 -> p[partyOf(h)].m1 = h; p[partyOf(h)].f1 = fr
      :: else -> p[partyOf(h)].m2 = h; p[partyOf(h)].f2 = fr
      fi;
      break
    :: else -> score[h] = 0 /* nobody there: skipped */
    fi
  od;
  h = 0; hs = 0; k = 0
}

/* The script `turn`. The answer is in `ta`, a fence in `fr`, a place in `tb`. */
inline turn(give, token, mode_, place_, count_) {
  ta = 0; tb = 0; fr = 0;
  if
  :: give != 0 ->
    if
#ifdef M_ANYRELEASE
    :: K != 0 -> K = 0; full = 0
#else
    :: K == give -> K = 0; full = 0
#endif
    :: else -> score[give] = 0
    fi
  :: else
  fi;
  if
  :: token == 0 ->
    if :: K == 0 -> promote(0) :: else fi
  :: else ->
    h = 0; k = 1;
    do :: k > TOKENS -> break :: else -> if :: score[k] > 0 -> h = 1 :: else fi; k++ od;
    k = 0;
    if
    :: mode_ != LOOK && h == 0 && K == 0 ->
      K = token; full = 1; draw(count_); ta = GRANTED
    :: else ->
      h = 0;
      if
      :: mode_ == QUEUE && K != token && score[token] == 0 ->
        if
        :: place_ > 0 -> score[token] = place_
        :: else -> lastScore++; score[token] = lastScore
        fi
      :: else
      fi;
      if :: K == 0 -> promote(token) :: else fi;
      if
      :: K == token || (K == 0 && mode_ == ONCE) -> K = token; full = 1; draw(count_); ta = GRANTED
      :: else ->
        if
        :: mode_ == ONCE -> ta = BUSY
        :: mode_ != ONCE && score[token] == 0 -> ta = GONE
        :: else -> ta = QUEUED; tb = score[token]
        fi;
        fr = 0
      fi
    fi;
    h = 0
  fi
}

/* Numbers that nobody remembers start from 1 again, so that equal situations are equal states. */
inline tidy() {
  ok = 1; inOrder = 1; k = 1;
  do :: k > TOKENS -> break :: else -> if :: score[k] > 0 -> ok = 0 :: else fi; k++ od;
  k = 0;
  do
  :: k == STRAYS -> break
  :: else -> if :: s[k].at > 0 -> ok = 0 :: else fi; k++
  od;
  k = 0;
  do
  :: k == N -> break
  :: else ->
    if :: p[k].place > 0 || p[k].at > 0 -> ok = 0 :: else fi;
    if :: p[k].m1 > 0 || p[k].lease > 0 || p[k].fence > 0 -> inOrder = 0 :: else fi;
    k++
  od;
  if :: ok -> lastScore = 0 :: else fi;
#ifndef FLUSH
  if :: inOrder -> F = 0; lastStarted = 0 :: else fi;
#endif
  k = 0
}

/* May K's time to live end now? See the top. */
#define owner p[partyOf(K)]
#ifdef OFFERMUTANT
#define leaseMayEnd (full -> owner.dl : owner.off)
#else
#define leaseMayEnd owner.dl
#endif
#define mayExpire (!owner.alive || (owner.lease == K -> (owner.kind == OLD -> (owner.renewal != RAN || owner.renewPast) : leaseMayEnd) : (owner.ask == K -> (owner.cmd == RAN || owner.state == SENT -> owner.past : owner.off) : (!full || givingUp[K] || forgot))))

/* ---- the gate and the tenure, in process i ---- */

#define P p[i]

/* Is token k known to anybody? Sets `ok` if not. */
inline unknown(t) {
  ok = K != t && score[t] == 0 && !givingUp[t] && P.ask != t && P.give != t && P.lease != t && P.m1 != t && P.m2 != t;
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
#ifdef M_TOKEN
  if
  :: P.state == RETRYING -> j = P.ask; ok = 1
  :: else ->
#endif
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
#ifdef M_TOKEN
  fi;
#endif
  P.ask = j; P.state = SENT; P.off = 0;
  j = 0;
  if
  :: P.awake -> command(QUEUE, tb)
  :: else -> command(ONCE, tb)
  fi;
  tb = 0
}

/* The gate turns away from its command on the way; whether the session still acts on its failure: `attended_`. */
inline detach(attended_) {
  k = 0;
  do
  :: k == STRAYS -> break
  :: else -> if :: s[k].st == 0 -> break :: else -> k++ fi
  od;
  assert(k < STRAYS);
  s[k].st = P.cmd; s[k].attended = attended_;
  s[k].token = P.ask; s[k].give = P.give; s[k].mode = P.mode; s[k].at = (P.mode == QUEUE -> P.place : 0);
  k = 0;
  clearCommand()
}

inline clearCommand() {
  P.cmd = 0; P.give = 0; P.mode = 0; P.at = 0; P.count = 0; P.answer = 0; P.fence = 0; P.past = 0
}

inline clearStray(x) {
  s[x].st = 0; s[x].attended = 0; s[x].token = 0; s[x].give = 0; s[x].mode = 0; s[x].at = 0
}

inline clearPlace() {
  P.place = 0;
#ifdef M_PLACE
  P.ghost = 0
#endif
}

/* Gate.#endAsk */
inline endAsk() {
  P.ask = 0; P.state = NONE; P.looks = 0;
#ifndef OFFERMUTANT
  P.off = 0;
#endif
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
  P.next = P.nextButOne; P.nextButOne = 0
}

/* Gate.#leave: the tenure is over. */
inline leave() {
  j = P.lease;
  P.lease = 0; P.kind = 0; P.dl = 0; P.section = 0; P.todo = 0; P.next = 0; P.nextButOne = 0;
#ifdef OFFERMUTANT
  P.off = 0;
#endif
  clearRenewal();
  if
  :: P.line > 0 -> send(j)
  :: else -> givingUp[j] = 1
  fi;
  j = 0;
  tidy()
}

inline clearRenewal() {
  P.renewal = 0; P.held = 0; P.renewPast = 0; P.renewCount = 0; P.renewFence = 0
}

/* Tenure.#next, when no section runs. */
inline next() {
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
  if
  :: P.cmd == 0 -> skip
  :: else -> detach(1)
  fi;
  P.lease = P.m1;
  P.kind = kind_;
  P.dl = 0;
  P.todo = P.line;
  P.next = P.f1; P.nextButOne = 0;
  P.renewal = UNRUN; P.renewCount = P.line - 1;
  endAsk();
  shiftOffers()
}

inline shiftOffers() {
  P.m1 = P.m2; P.f1 = P.f2; P.m2 = 0; P.f2 = 0
}

#define offerOver (P.state == SENT -> P.past : P.off)
#define mine(t) (t != 0 && partyOf(t) == i)

proctype Party(byte i) {
  do
  /* -- what happens by itself -- */

  /* A caller comes (Gate.join). */
  :: d_step { P.alive && P.toCome > 0 ->
      P.toCome--; P.line++;
      if
      :: P.lease == 0 && P.state == NONE -> send(0)
      :: else
      fi }

  /* The server runs the ask. Commands of one connection run in the order in which they were sent. */
  :: d_step { P.cmd == UNRUN && !unrunBefore(P.give) ->
      turn(P.give, P.ask, P.mode, P.place, P.count);
      P.cmd = RAN; P.answer = ta; P.fence = fr; P.at = tb;
      ta = 0; fr = 0; tb = 0;
      tidy() }

  /* Its reply comes (Gate.#onAnswer). */
  :: d_step { P.cmd == RAN ->
      if
      :: P.answer == GRANTED ->
        P.lease = P.ask; P.kind = CONFIRMED;
#ifdef M_REPLYTIME
        P.dl = 0;
#else
        P.dl = P.past;
#endif
        P.todo = (P.line < P.count -> P.line : P.count);
        P.next = P.fence; P.nextButOne = (P.count > 1 -> P.fence + 1 : 0);
        clearCommand();
        endAsk();
        next()
      :: P.answer == QUEUED ->
        P.state = WAITING;
        P.off = P.past;
        P.place = P.at;
#ifdef M_PLACE
        P.ghost = (P.ghost > 0 -> P.ghost : P.at);
#endif
        clearCommand()
#ifdef M_GONE
      :: P.answer == GONE -> P.state = WAITING; clearCommand()
#endif
      :: else -> /* GONE, or BUSY */
        clearCommand();
#ifdef M_PLACE
        P.place = 0;
#endif
        if
        :: P.awake -> send(0)
        :: else -> P.ask = 0; P.state = POLLING; P.off = 0
        fi
      fi }

  /* After a failure: asks again. */
  :: d_step { P.state == RETRYING -> send(0) }

  /* An offer comes (Gate.offered). */
  :: d_step { P.m1 != 0 && P.m1 != P.lease && (P.m1 != P.ask || P.state == RETRYING) ->
      givingUp[P.m1] = 1; shiftOffers() }
  :: d_step { P.m1 != 0 && P.m1 == P.lease -> shiftOffers() }
#ifdef OFFERMUTANT
  /* Started at once, whatever its age. */
  :: d_step { P.m1 != 0 && P.m1 == P.ask && P.state != RETRYING ->
      P.off = offerOver;
#ifdef M_OFFERLEASE
      take(CONFIRMED); clearRenewal();
#else
      take(YOUNG);
#endif
      start() }
#else
  :: d_step { P.m1 != 0 && P.m1 == P.ask && !offerOver && P.state != RETRYING -> take(YOUNG); start() }
  :: d_step { P.m1 != 0 && P.m1 == P.ask && P.state != RETRYING -> take(OLD) }
#endif

  /* The server runs the renewal. */
  :: d_step { P.renewal == UNRUN ->
      P.renewal = RAN;
      if
      :: K == P.lease ->
        full = 1; P.held = 1;
        if
        :: P.renewCount > 0 -> draw(P.renewCount); P.renewFence = fr; fr = 0
        :: else
        fi
      :: else
      fi }

  /* Its reply comes. */
  :: d_step { P.renewal == RAN ->
      if
      :: !P.held || (P.kind != OLD && P.dl) || (P.kind == OLD && P.renewPast) -> leave() /* lost */
      :: else ->
        P.kind = CONFIRMED;
        if
        :: P.next == 0 -> P.next = P.renewFence
        :: else -> P.nextButOne = P.renewFence
        fi;
        clearRenewal();
        if
        :: !P.section -> next()
        :: else
        fi
      fi }

  /* A failed confirmation is tried again while the section runs. */
  :: d_step { P.kind == YOUNG && P.renewal == 0 && P.section && !P.dl -> P.renewal = UNRUN }

  /* The section ends. */
  :: d_step { P.section -> P.section = 0; next() }

  /* The holder notices that its deadline has passed. */
  :: d_step { P.lease != 0 && P.dl -> leave() }

  /* The wake connection is found dead, and opened again; then the gate looks (Gate.nudge). */
  :: d_step { P.awake && !P.subscribed -> P.awake = 0 }
  :: d_step { P.alive && !P.awake ->
      P.subscribed = 1; P.awake = 1;
      if
      :: P.state == WAITING && P.cmd == 0 -> command(LOOK, 0)
      :: P.state == POLLING -> send(0)
      :: else
      fi }

  /* -- misfortunes -- */

  :: budget > 0 -> d_step { budget > 0 ->  budget-- }

  /* The ask or look fails: its request or its reply was lost, or nothing came in time. It may yet run. */
  :: d_step { budget > 0 && P.cmd != 0 ->
      budget--;
      givingUp[P.ask] = 1;
      if :: P.give != 0 -> givingUp[P.give] = 1 :: else fi;
      if
      :: P.cmd == UNRUN -> detach(0)
      :: else -> clearCommand()
      fi;
#ifndef M_TOKEN
      P.ask = 0;
#endif
      P.state = RETRYING; P.off = 0;
#ifdef M_PLACE
      P.place = 0
#endif
      }

  /* The connection is cut after it ran, and the client sends it again. */
  :: d_step { budget > 0 && P.cmd == RAN -> budget--; P.cmd = UNRUN; P.answer = 0; P.fence = 0; P.at = 0 }

  /* The renewal fails, having run or not. */
  :: d_step { budget > 0 && P.renewal != 0 ->
      budget--;
      clearRenewal();
      if
      :: P.section -> skip
      :: else -> leave()
      fi }

  /* An offer's message is lost. */
  :: d_step { budget > 0 && P.m1 != 0 -> budget--; shiftOffers() }

  /* The wake connection breaks. */
  :: d_step { budget > 0 && P.alive && P.subscribed ->
      budget--; P.subscribed = 0; shiftOffers(); shiftOffers() }

  /* A pause, or a slow network: a deadline passes. */
  :: d_step { budget > 0 && P.lease != 0 && P.kind != OLD && !P.dl -> budget--; P.dl = 1 }
  :: d_step { budget > 0 && P.cmd != 0 && !P.past -> budget--; P.past = 1 }
  :: d_step { budget > 0 && P.renewal != 0 && P.kind == OLD && !P.renewPast -> budget--; P.renewPast = 1 }
  :: d_step { budget > 0 && P.state == WAITING && !P.off -> budget--; P.off = 1 }
#ifdef OFFERMUTANT
  :: d_step { budget > 0 && P.lease != 0 && !full && K == P.lease && !P.off -> budget--; P.off = 1 }
#endif

#ifndef M_LOOK
  /* A look's timer fires before anybody needs it. */
  :: d_step { budget > 0 && P.state == WAITING && P.cmd == 0 -> budget--; command(LOOK, 0) }
#endif

  /* A caller leaves; with the last one the ask goes too (Gate.#onEmpty). */
  :: d_step { budget > 0 && P.line > 0 ->
      budget--; P.line--;
      if
      :: P.line == 0 && P.state != NONE ->
#ifndef M_LEFT
        if :: P.ask != 0 -> givingUp[P.ask] = 1 :: else fi;
#endif
        if
        :: P.cmd == UNRUN -> detach(1)
        :: else -> clearCommand()
        fi;
        endAsk();
        tidy()
      :: else
      fi }

  /* The process dies. Its connections may look alive for a while. */
  :: d_step { budget > 0 && P.alive ->
      budget--;
      if :: P.cmd == UNRUN -> detach(0) :: else -> clearCommand() fi;
      P.alive = 0; P.awake = 0; P.toCome = 0; P.line = 0;
      shiftOffers(); shiftOffers();
      endAsk();
      P.lease = 0; P.kind = 0; P.dl = 0; P.section = 0; P.todo = 0; P.next = 0; P.nextButOne = 0;
      clearRenewal();
      k = i * T + 1;
      do :: k > i * T + T -> break :: else -> givingUp[k] = 0; k++ od;
      k = 0;
      do
      :: k == STRAYS -> break
      :: else ->
        if
        :: mine(s[k].token) && s[k].st == RAN -> clearStray(k)
        :: mine(s[k].token) && s[k].st != RAN -> s[k].attended = 0
        :: else
        fi;
        k++
      od;
      k = 0;
      tidy() }
  :: d_step { !P.alive && P.subscribed -> P.subscribed = 0 }
  od
}
