/*
 * Wake-ups over one link: nobody sleeps while there is work for it.
 *
 * Context W owns the writing ends of PORTS ports, context R the reading ends. Both sleep: R when it
 * has read everything, W when a ring is full and the rest of its messages waits in its heap. Both run
 * under TSO (x86): a store goes to the context's own store buffer, and reaches memory later, in order.
 *
 * Property: no invalid end state. Writer and Reader both end only after all messages of all ports were
 * written and read, so a lost wake-up is a run that stops with one of them blocked. Every trip
 * round a loop raises a count, and store() asserts that counts stay small: a complete search without
 * errors has no livelock either.
 *
 * README.md says what is not modelled, and what each #ifdef with the name of a mistake takes away;
 * run.sh lists the configurations and what each must give.
 *
 * Who writes what. Every word has one writer; each context keeps private copies of what it wrote.
 *
 *   word          written by  read by  meaning
 *   COMMIT(p)     W           R        records committed in the ring of port p (one release store each)
 *   WANTPOS(p)    W           R        W has a backlog, and waits until the head is at this position
 *   WANT(p)       W           R        want count; raised after WANTPOS, each value is answered once
 *   HEAD(p)       R           W        records of port p that R has consumed
 *   ARM(p)        R           W        arm count; "tell me of the next record", each value is answered once
 *   SLEEP(c)      c           peer     sleep count of context c; each value is rung for once
 *   SLOT, TAIL(c) c           peer     c's ready ring: ports of the peer that have become hot
 *   OVER(c)       c           peer     overflow count of that ring: "look at all ports"
 *   TAKEN(c)      c           peer     c's read position in the *peer's* ready ring
 *   bell[c]       peer        c        doorbell of c: sticky, level-triggered, only c drains it
 *   mail[c]       broker      c        INSTALL (and LINK) waits on c's broker socket
 */

/* ---- size ---------------------------------------------------------------------------------- */
#define PORTS 2
#ifndef MESSAGES_0
#define MESSAGES_0 2    /* for port 0 */
#endif
#ifndef MESSAGES_1
#define MESSAGES_1 1    /* for port 1 */
#endif
#ifndef CAPACITY
#define CAPACITY 1      /* records in a ring; less than the messages: W gets a backlog */
#endif
#ifndef SLOTS
#define SLOTS 2         /* entries in a ready ring; 1 overflows when two ports are ready */
#endif
#ifndef ROOM_W
#define ROOM_W SLOTS    /* 0: every push of W overflows */
#endif
#ifndef ROOM_R
#define ROOM_R SLOTS
#endif
#ifndef BUFFER
#define BUFFER 12       /* stores in flight; store() asserts that this many are never reached */
#endif
#ifndef SPURIOUS
#define SPURIOUS 0      /* times that R wakes for something that is none of W's business */
#endif
#ifndef IDLE
#define IDLE 0          /* 1: W may also sleep for want of messages, and its program wake it to post */
#endif
#ifndef UNKNOWN
#define UNKNOWN 0       /* 1: port 0 is installed late, 2: both ports and the link are */
#endif
#define LIMIT 60        /* no count gets this far */

/* ---- barriers ------------------------------------------------------------------------------ */
/* X_FENCES:  the hot path of X has a full fence in each place marked hot_barrier. */
/* X_REACHED: X is registered, and its sleeping peer uses membarrier: that drains X's store buffer. */
#if defined(MEMBARRIER)         /* both registered, both membarrier */
#define W_FENCES  0
#define R_FENCES  0
#define W_REACHED 1
#define R_REACHED 1
#elif defined(FENCE)            /* nobody */
#define W_FENCES  1
#define R_FENCES  1
#define W_REACHED 0
#define R_REACHED 0
#elif defined(MIXED_W)          /* W is not registered; membarrier elsewhere */
#define W_FENCES  1
#define R_FENCES  0
#define W_REACHED 0
#define R_REACHED 1
#elif defined(MIXED_R)          /* R is not registered; membarrier elsewhere */
#define W_FENCES  0
#define R_FENCES  1
#define W_REACHED 1
#define R_REACHED 0
#elif defined(CHANGEOVER)       /* W is registered; R starts with fences, changes to membarrier, says so; W then drops its own */
#define W_FENCES  (!told)
#define R_FENCES  1
#define W_REACHED changed
#define R_REACHED 0
#elif defined(WITHDRAWAL)       /* W has dropped its fences; then R loses membarrier (a seccomp filter), and asks for them */
#define W_FENCES  acked
#define R_FENCES  1
#define W_REACHED (!lost)
#define R_REACHED 0
#elif defined(UNREGISTERED_W)   /* broken: W drops its fences, but membarrier does not reach it */
#define W_FENCES  0
#define R_FENCES  0
#define W_REACHED 0
#define R_REACHED 1
#elif defined(UNREGISTERED_R)   /* broken: the same for R, or W sleeps with a mere fence */
#define W_FENCES  0
#define R_FENCES  0
#define W_REACHED 1
#define R_REACHED 0
#else
#error "no mode: MEMBARRIER, FENCE, MIXED_W, MIXED_R, CHANGEOVER, WITHDRAWAL, UNREGISTERED_W or UNREGISTERED_R"
#endif

/* ---- shared memory ------------------------------------------------------------------------- */
#define W 0
#define R 1

#define COMMIT(p)   (p)
#define WANTPOS(p)  (PORTS + (p))
#define WANT(p)     (2 * PORTS + (p))
#define HEAD(p)     (3 * PORTS + (p))
#define ARM(p)      (4 * PORTS + (p))
#define LINK(c)     (5 * PORTS + (c) * (4 + SLOTS))     /* the half of the link that c writes */
#define SLEEP(c)    (LINK(c))
#define TAIL(c)     (LINK(c) + 1)
#define OVER(c)     (LINK(c) + 2)
#define TAKEN(c)    (LINK(c) + 3)
#define SLOT(c, i)  (LINK(c) + 4 + (i) % SLOTS)

byte memory[5 * PORTS + 2 * (4 + SLOTS)];
chan buffer[2] = [BUFFER] of { byte, byte };    /* store buffers: place, value */
byte messages[PORTS];
bool bell[2];
bool mail[2];
bool opened;            /* R has opened its control block (BIND): the broker can tell W */
#ifdef CHANGEOVER
bool changed;           /* R's barrier is membarrier from now on */
bool said;              /* R's word to W that it is, by way of the broker */
bool told;              /* W has it, and has dropped its fences */
#endif
#ifdef WITHDRAWAL
bool lost;              /* R's membarrier has failed; W is being asked for fences, by way of the broker */
bool acked;             /* W has fenced once, and does so from now on */
#define ASKED (lost && !acked)
#endif

/* ---- machine ------------------------------------------------------------------------------- */
/*
 * A context runs from one step(me) to the next without interruption, and gives way to all others at
 * each. So there is one before every access to memory, bell or mail; only these share a step:
 *   - a load and the decisions on its value, but never a later store: a membarrier may come between
 *   - stores with nothing between them: the buffer lets others see them one by one anyway
 *   - the tail of a ready ring and the entries behind it: nobody writes those before TAKEN moves
 *   - draining the bell and reading the mail: what arrives between them is still there next time
 * Ringing is not a fence here, although the system call is one: nothing may rest on it.
 */
chan turn[2] = [0] of { bit };

inline step(me) { turn[me]?0 }

inline store(me, place, value)
{
    assert(value < LIMIT);
    assert(nfull(buffer[me]));
    buffer[me]!place, value
}

/* A full fence of context c: its store buffer is empty afterwards. */
inline drain(c)
{
    do
    :: nempty(buffer[c]) -> buffer[c]?place_, value_; memory[place_] = value_
    :: empty(buffer[c]) -> break
    od;
    place_ = 0; value_ = 0
}

proctype Machine()
{
    byte place_, value_;
end:
    do
    :: atomic { turn[W]!0; skip }
    :: atomic { turn[R]!0; skip }
    :: d_step { buffer[W]?place_, value_ -> memory[place_] = value_; place_ = 0; value_ = 0 }
    :: d_step { buffer[R]?place_, value_ -> memory[place_] = value_; place_ = 0; value_ = 0 }
    od
}

/* ---- what both contexts do ------------------------------------------------------------------- */

/* Where a port stands in its own context. For R dry means empty, for W full. */
#define HOT     0       /* to be looked at */
#define DRY     1       /* looked at, nothing to do; not yet armed (R) or wanted (W) */
#define FRESH   2       /* armed or wanted since the last barrier: to be looked at once more */
#define WAITING 3       /* the peer must tell */

/* Private to a context, never in shared memory. */
#define PRIVATE \
    byte port[PORTS];           /* HOT .. WAITING */ \
    bool known[PORTS];          /* the peer's half of this port is installed */ \
    bool linked;                /* the peer's half of the link is installed */ \
    byte mark[PORTS];           /* own arm (R) or want (W) count */ \
    byte answered[PORTS];       /* last want (R) or arm (W) count of the peer that was answered */ \
    byte sleep;                 /* own sleep count */ \
    byte rung;                  /* last sleep count of the peer that was rung for */ \
    byte tail, over;            /* of the own ready ring */ \
    byte taken, over_seen;      /* of the peer's ready ring */ \
    byte p, q, v;               /* locals */ \
    byte place_, value_         /* locals of drain() */

#define INSTALLED_FROM_START(p) (UNKNOWN == 0 || (UNKNOWN == 1 && (p) != 0))

/* The barrier of who stays awake: nothing (for the processor) where the sleeper's membarrier reaches us. */
inline hot_barrier(me)
{
    if
    :: (me == W && (W_FENCES)) || (me == R && (R_FENCES)) -> step(me); drain(me)
    :: else
    fi
}

/* The barrier of who goes to sleep. membarrier is a full fence for its caller, too. */
inline sleeper_barrier(me, peer)
{
#ifdef NO_BARRIER
    skip
#else
#ifdef WITHDRAWAL
    if
    :: me == R -> lost = 1
    :: true
    fi;
#endif
    step(me);
    drain(me);
    if
    :: (peer == W && (W_REACHED)) || (peer == R && (R_REACHED)) -> drain(peer)
    :: else
    fi
#endif
}

inline ring(me, peer)
{
    if
    :: linked ->
        step(me);
        v = memory[SLEEP(peer)];
        if
        :: v != rung -> rung = v; step(me); bell[peer] = 1
        :: else
        fi;
        v = 0
    :: else ->
#ifndef UNKNOWN_IS_AWAKE
        step(me);
        bell[peer] = 1
#endif
    fi
}

/* Port p has become hot for the peer: tell it, and wake it if it sleeps. */
inline announce(me, peer)
{
#ifdef RING_BEFORE_PUSH
    ring(me, peer);
#endif
    if
    :: linked -> step(me); v = memory[TAKEN(peer)]
    :: else -> v = 0
    fi;
    step(me);
    if
    :: tail - v < (me == W -> ROOM_W : ROOM_R) -> store(me, SLOT(me, tail), p); tail++; store(me, TAIL(me), tail)
    :: else -> over++; store(me, OVER(me), over)
    fi;
    v = 0;
#ifndef NO_FENCE_BEFORE_RING
    hot_barrier(me);
#endif
#ifndef RING_BEFORE_PUSH
    ring(me, peer)
#endif
}

/* Empties the peer's ready ring. An entry of a port that is not installed yet is ignored: its INSTALL
   makes it hot. */
inline look_at_ready_ring(me, peer)
{
    if
    :: linked ->
        step(me);
        if
        :: taken != memory[TAIL(peer)] ->
            do
            :: taken != memory[TAIL(peer)] ->
                v = memory[SLOT(peer, taken)];
                taken++;
                if
                :: known[v] -> port[v] = HOT
                :: else
                fi
            :: else -> break
            od;
            v = 0;
            step(me);
            store(me, TAKEN(me), taken)
        :: else
        fi;
#ifndef NO_OVERFLOW_SCAN
        step(me);
        if
        :: over_seen != memory[OVER(peer)] ->
            over_seen = memory[OVER(peer)];
            for (q : 0 .. PORTS - 1) {
                if
                :: known[q] -> port[q] = HOT
                :: else
                fi
            };
            q = 0
        :: else
        fi
#endif
    :: else
    fi
}

inline drain_bell(me)
{
    if
    :: linked -> bell[me] = 0
    :: else
    fi
}

/* ---- W ------------------------------------------------------------------------------------- */
#define FITS(p, h)      (sent[p] < CAPACITY + (h))      /* the next record, when R's head is at h */
#define COULD_POST(p)   (port[p] == HOT && sent[p] < messages[p])
/* What W cannot put off: its backlog. Without IDLE the program has posted everything from the start. */
#define W_BUSY(p)       (COULD_POST(p) && (backlog[p] || !IDLE))

/* Commits the next record of port p, or finds the ring full. */
inline try_to_commit()
{
    must_post = 0;
    if
    :: !FITS(p, head[p]) && known[p] -> step(W); head[p] = memory[HEAD(p)]
    :: else
    fi;
    if
    :: !FITS(p, head[p]) -> port[p] = DRY; backlog[p] = 1
    :: else ->
        backlog[p] = 0;
        sent[p]++;
        step(W);
        store(W, COMMIT(p), sent[p]);
#ifndef NO_FENCE_AFTER_COMMIT
        hot_barrier(W);
#endif
        if
        :: known[p] ->
            step(W);
            v = memory[ARM(p)];
            if
            :: v != answered[p] -> answered[p] = v; announce(W, R)
            :: else -> v = 0
            fi
        :: else ->
#ifdef UNKNOWN_IS_NOT_ARMED
            skip
#else
            announce(W, R)
#endif
        fi
    fi
}

inline want_space()
{
    mark[p]++;
#ifdef WANT_COUNT_FIRST
    store(W, WANT(p), mark[p]);
    store(W, WANTPOS(p), sent[p] + 1 - CAPACITY)
#else
    store(W, WANTPOS(p), sent[p] + 1 - CAPACITY);
    store(W, WANT(p), mark[p])
#endif
}

#ifdef WITHDRAWAL
inline acknowledge()
{
#ifndef ACK_WITHOUT_FENCE
    drain(W);
#endif
    acked = 1
}
#endif

proctype Writer()
{
    PRIVATE;
    byte sent[PORTS];           /* committed; the rest is not posted yet, or in the heap */
    byte head[PORTS];           /* R's head as last seen */
    bool backlog[PORTS];        /* a posted record waits in the heap */
#ifdef NO_SECOND_WANT
    byte wanted[PORTS];         /* position of the last want: no new one for the same position */
#endif
    bool must_post;             /* woken to post, not to go straight back to sleep */

    atomic {
        linked = UNKNOWN != 2;
        for (p : 0 .. PORTS - 1) {
            known[p] = INSTALLED_FROM_START(p);
#ifdef STALE_ANSWERED
            answered[p] = 1;    /* kept from the pairing before */
#endif
        };

awake:
        step(W);
        drain_bell(W);
        if
        :: mail[W] ->
            mail[W] = 0;
            linked = 1;
            for (p : 0 .. PORTS - 1) {
                if
                :: !known[p] ->
                    known[p] = 1;
#ifndef NO_LOOK_AFTER_INSTALL
                    port[p] = HOT
#endif
                :: else
                fi
            }
        :: else
        fi;
#ifdef CHANGEOVER
        step(W);
        told = said;
#endif
        look_at_ready_ring(W, R);

post:
        do
        :: COULD_POST(0) -> p = 0; try_to_commit()
        :: COULD_POST(1) -> p = 1; try_to_commit()
#ifdef WITHDRAWAL
        :: ASKED -> step(W); acknowledge()
        :: !ASKED && !must_post && !W_BUSY(0) && !W_BUSY(1) -> break
#else
        :: !must_post && !W_BUSY(0) && !W_BUSY(1) -> break
#endif
        od;
        if
        :: sent[0] == messages[0] && sent[1] == messages[1] -> goto done
        :: else
        fi;

        /* Go to sleep. Every port with a backlog has been found full. */
        step(W);
        for (p : 0 .. PORTS - 1) {
            if
#ifdef NO_SECOND_WANT
            :: port[p] == DRY && wanted[p] == sent[p] + 1 - CAPACITY -> port[p] = FRESH
            :: port[p] == DRY && wanted[p] != sent[p] + 1 - CAPACITY -> wanted[p] = sent[p] + 1 - CAPACITY;
                want_space(); port[p] = FRESH
#else
            :: port[p] == DRY -> want_space(); port[p] = FRESH
#endif
            :: else
            fi
        };
        sleep++;
        store(W, SLEEP(W), sleep);
        sleeper_barrier(W, R);
        for (p : 0 .. PORTS - 1) {
            if
            :: port[p] == FRESH ->
                port[p] = WAITING;
#ifndef NO_WANT_RECHECK
                step(W);
                if
                :: known[p] && FITS(p, memory[HEAD(p)]) -> port[p] = HOT
                :: else
                fi
#endif
            :: else
            fi
        };
        p = 0;
        look_at_ready_ring(W, R);
#ifdef DRAIN_BELL_LATE
        step(W);
        drain_bell(W);
#endif
        if
        :: W_BUSY(0) || W_BUSY(1) -> goto awake
        :: else
        fi
    };

    if          /* asleep */
    :: linked && bell[W] -> goto awake
    :: mail[W] -> goto awake
#ifdef WITHDRAWAL
    :: ASKED -> goto awake
#endif
    :: COULD_POST(0) || COULD_POST(1) -> must_post = 1; goto post     /* the program posts */
    fi;
done:
#ifdef WITHDRAWAL
    atomic { step(W); drain(W); acked = 1 }     /* the end of W is a fence, too */
#else
    skip
#endif
}

/* ---- R ------------------------------------------------------------------------------------- */

/* Lets W see how far port p is read, and answers W if it waits for this position. */
inline publish_head()
{
    step(R);
    store(R, HEAD(p), read[p]);
#ifndef NO_FENCE_AFTER_HEAD
    hot_barrier(R);
#endif
    step(R);
    v = memory[WANT(p)];
    if
    :: v != answered[p] ->
        step(R);
        if
        :: read[p] >= memory[WANTPOS(p)] -> answered[p] = v; announce(R, W)
        :: else -> v = 0
        fi
    :: else -> v = 0
    fi
}

#if defined(WITHDRAWAL) && !defined(FAILED_BARRIER_COUNTS)
#define BARRIER_HELD (!lost || has_ack)     /* else what is armed is still to be looked at, after the next one */
#else
#define BARRIER_HELD 1
#endif

proctype Reader()
{
    PRIVATE;
    byte read[PORTS];           /* records consumed */
    byte spurious;
#ifdef WITHDRAWAL
    bool has_ack;           /* has W's acknowledgement */
#endif
#ifdef BATCHED_HEAD
    bool unpublished;           /* read is ahead of HEAD(p) */
#endif

    atomic {
        linked = UNKNOWN != 2;
        for (p : 0 .. PORTS - 1) {
            known[p] = INSTALLED_FROM_START(p);
            port[p] = (known[p] -> HOT : WAITING);
#ifdef STALE_ANSWERED_WANT
            answered[p] = 1;    /* kept from the pairing before */
#endif
        };

awake:
        step(R);
        drain_bell(R);
        if
        :: mail[R] ->
            mail[R] = 0;
            linked = 1;
            opened = 1;
            for (p : 0 .. PORTS - 1) {
                if
                :: !known[p] ->
                    known[p] = 1;
#ifndef INSTALL_IS_NOT_HOT
                    port[p] = HOT
#endif
                :: else
                fi
            }
        :: else
        fi;
#ifdef CHANGEOVER
        step(R);                        /* once, or never */
        if
#ifdef SAID_TOO_EARLY
        :: !said -> said = 1            /* and the next sleep has only a fence */
        :: said -> changed = 1
#else
        :: !said -> changed = 1; said = 1
#endif
        :: true
        fi;
#endif
        look_at_ready_ring(R, W);

        for (p : 0 .. PORTS - 1) {
            do
            :: port[p] == HOT ->
                step(R);
                if
                :: memory[COMMIT(p)] == read[p] ->
                    port[p] = DRY;
#ifdef BATCHED_HEAD
                    if
                    :: unpublished -> unpublished = 0; publish_head()
                    :: else
                    fi
#endif
                :: else ->
                    assert(memory[COMMIT(p)] - read[p] <= CAPACITY);
                    read[p]++;
#ifdef BATCHED_HEAD
                    unpublished = 1
#else
                    publish_head()
#endif
                fi
            :: else -> break
            od
        };
        if
        :: read[0] == messages[0] && read[1] == messages[1] -> goto done
        :: else
        fi;

        /* Go to sleep. Every hot port has been found empty. */
#ifdef BARRIER_BEFORE_ARM
        sleeper_barrier(R, W);
#endif
        step(R);
#ifdef SLEEP_BEFORE_ARM
        sleep++;
        store(R, SLEEP(R), sleep);
#endif
        for (p : 0 .. PORTS - 1) {
            if
            :: port[p] == DRY -> mark[p]++; store(R, ARM(p), mark[p]); port[p] = FRESH
            :: else
            fi
        };
#if !defined(SLEEP_BEFORE_ARM) && !defined(SLEEP_AFTER_BARRIER)
        sleep++;
        store(R, SLEEP(R), sleep);
#endif
#ifndef BARRIER_BEFORE_ARM
        sleeper_barrier(R, W);
#endif
#ifdef SLEEP_AFTER_BARRIER
        step(R);
        sleep++;
        store(R, SLEEP(R), sleep);
#endif
        for (p : 0 .. PORTS - 1) {
            if
            :: port[p] == FRESH ->
                port[p] = (BARRIER_HELD -> WAITING : FRESH);
#ifndef NO_RECHECK
                step(R);
                if
                :: memory[COMMIT(p)] != read[p] -> port[p] = HOT
                :: else
                fi
#endif
            :: else
            fi
        };
        p = 0;
#ifndef NO_READY_RECHECK
        look_at_ready_ring(R, W);
#endif
#ifdef DRAIN_BELL_LATE
        step(R);
        drain_bell(R);
#endif
        if
        :: port[0] == HOT || port[1] == HOT -> goto awake
        :: else
        fi
    };

#if defined(WITHDRAWAL) && !defined(SLEEP_WITHOUT_ACK)
    if          /* really: look again every few milliseconds, until W has acknowledged */
    :: !lost || has_ack -> skip
    :: lost && !has_ack -> acked; has_ack = 1; goto awake
    fi;
#endif
    if          /* asleep */
    :: linked && bell[R] -> goto awake
    :: mail[R] -> goto awake
    :: spurious < SPURIOUS -> spurious++; goto awake
    fi;
done:
    skip
}

/* ---- broker -------------------------------------------------------------------------------- */
/* Tells R of W's half at any time, and W of R's control block at any time after R has opened it. */
proctype Broker()
{
    mail[R] = 1;
    opened -> mail[W] = 1
}

init
{
    atomic {
        messages[0] = MESSAGES_0;
        messages[1] = MESSAGES_1;
        run Machine();
        run Writer();
        run Reader();
#if UNKNOWN
        run Broker();
#endif
    }
}
