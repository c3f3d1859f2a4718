//! How does a task lie in memory, and what is done to it without knowing its type?
//!
//! One allocation: a [`Header`] that every handle points to, then the future or its output, then the join waker. The vtable's functions are the only
//! ones that know the type.

use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{self, AssertUnwindSafe, Location};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

use crate::scheduler::Shared;
use crate::task::current::Running;
use crate::task::error::JoinError;
use crate::task::id::Id;
use crate::task::memory;
use crate::task::reference::{self, Runnable, TaskRef};
use crate::task::state::{Start, State, Suspend};
use crate::views::task_of;

/// The part that all tasks share: 56 bytes.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) state: State,
    vtable: &'static Vtable,
    /// The next task in the inject queue; the queue's, while the task is in it.
    pub(crate) queue_next: UnsafeCell<Option<NonNull<Header>>>,
    /// The runtime. It outlives every task that is not COMPLETE: its monitor stays until the registry is empty.
    shared: NonNull<Shared>,
    pub(crate) id: Id,
    pub(crate) spawned_at: &'static Location<'static>,
    /// Its place in the registry, which alone uses it.
    pub(crate) slot: AtomicU32,
    /// How many polls have begun; no more are counted than fit. Written by who polls.
    pub(crate) polls: AtomicU32,
}

struct Vtable {
    run: unsafe fn(Runnable) -> Ran,
    cancel: unsafe fn(NonNull<Header>),
    drop_output: unsafe fn(NonNull<Header>),
    take_output: unsafe fn(NonNull<Header>, *mut ()),
    join_waker: unsafe fn(NonNull<Header>) -> NonNull<Option<Waker>>,
    free: unsafe fn(NonNull<Header>),
}

enum Stage<F: Future> {
    Future(F),
    Output(Result<F::Output, JoinError>),
    Empty,
}

#[repr(C)]
struct TaskCell<F: Future> {
    header: Header,
    stage: UnsafeCell<Stage<F>>,
    join_waker: UnsafeCell<Option<Waker>>,
}

/// What running a task has come to.
pub(crate) enum Ran {
    /// It waits, or it is gone.
    Parted,
    /// It was woken while it ran.
    Reschedule(Runnable),
    /// It is over, and still in the registry.
    Over(Over),
}

/// A task that is over: whoever waits for it has been told, its output is its JoinHandle's or dropped. [`Shared::bury`] does the rest, which is no user code: so it needs no loan, and the lease is at hand.
#[must_use = "the runtime waits for its end until it has left the registry"]
pub(crate) struct Over {
    task: Runnable,
    /// Nobody can see it any more, but by an AbortHandle or a waker: COMPLETE, and two references, are one step with those.
    unseen: bool,
}

/// A task without references whose memory may still hold a join waker. Dropping it may run user code.
#[must_use = "dropped on loan"]
pub(crate) struct Remains(NonNull<Header>);

impl Drop for Remains {
    fn drop(&mut self) {
        // SAFETY: `Over::part` has given back the last reference.
        unsafe { free_task(self.0) };
    }
}

impl Over {
    pub(crate) fn pointer(&self) -> NonNull<Header> {
        self.task.pointer()
    }

    /// Gives back the references of the poll and of the registry, which it has left. What remains of it, if that is the caller's to drop.
    pub(crate) fn part(self, registered: TaskRef) -> Option<Remains> {
        let Self { task, unseen } = self;
        let (state, pointer) = (&task.header().state, task.pointer());
        let is_last = if unseen { state.finish_unseen() } else { state.release_both() };
        registered.forget();
        task.forget();
        let remains = is_last.then(|| Remains(pointer))?;
        // Without a JoinHandle when it ended it has no join waker either, and its output is dropped: nothing of the user's.
        if unseen { None } else { Some(remains) }
    }
}

/// Makes a task; the caller owns the three references that a new state word counts.
///
/// # Safety
/// What the future borrows lives until the task is COMPLETE, and what its output borrows until that has been taken.
pub(crate) unsafe fn allocate<F>(future: F, id: Id, shared: NonNull<Shared>, spawned_at: &'static Location<'static>) -> NonNull<Header>
where
    F: Future + Send,
    F::Output: Send,
{
    let cell = memory::allocate(Layout::new::<TaskCell<F>>()).cast::<TaskCell<F>>();
    // SAFETY: new memory of the right layout.
    unsafe {
        cell.write(TaskCell {
            header: Header {
                state: State::new(),
                vtable: const {
                    &Vtable {
                        run: run_cell::<F>,
                        cancel: cancel::<F>,
                        drop_output: drop_output::<F>,
                        take_output: take_output::<F>,
                        join_waker: join_waker::<F>,
                        free: free::<F>,
                    }
                },
                queue_next: UnsafeCell::new(None),
                shared,
                id,
                spawned_at,
                slot: AtomicU32::new(0),
                polls: AtomicU32::new(0),
            },
            stage: UnsafeCell::new(Stage::Future(future)),
            join_waker: UnsafeCell::new(None),
        });
    }
    cell.cast()
}

impl Header {
    pub(crate) fn shared(&self) -> NonNull<Shared> {
        self.shared
    }

    /// The task whose JoinHandle of this one has been polled and waits, if it is known. For the registry alone, under the lock that keeps the task in it.
    pub(crate) fn joiner(&self) -> Option<Id> {
        if !self.state.begin_look() {
            return None;
        }
        // SAFETY: `begin_look` was allowed, so nobody writes the slot until `end_look`; and the registry's reference keeps the cell.
        let waker = unsafe { (self.vtable.join_waker)(NonNull::from(self)).as_ref() };
        let joiner = waker.as_ref().and_then(task_of);
        self.state.end_look();
        joiner
    }
}

/// Polls or cancels a task that came out of a queue, up to the end of its turn. User code runs in here, and no panic of it gets out.
#[inline]
pub(crate) fn run(task: Runnable) -> Ran {
    // SAFETY: the vtable belongs to the task.
    unsafe { (task.header().vtable.run)(task) }
}

/// Ends a new task that no registry took, and was aborted already: drops its future.
pub(crate) fn discard(task: Runnable, registry_reference: TaskRef) {
    let (header, pointer) = (task.header(), task.pointer());
    let start = header.state.start();
    debug_assert_eq!(start, Start::Cancel);
    // SAFETY: `start` gave this thread RUNNING.
    unsafe { (header.vtable.cancel)(pointer) };
    conclude_state(header, pointer);
    drop(registry_reference);
}

/// RUNNING -> COMPLETE: tells whoever waits, or drops what nobody waits for.
fn conclude_state(header: &Header, pointer: NonNull<Header>) {
    let before = header.state.finish();
    if !before.has_join_interest() {
        // SAFETY: COMPLETE, and the JoinHandle has gone before: the output is the finisher's.
        unsafe { (header.vtable.drop_output)(pointer) };
    } else if before.has_join_waker() {
        // SAFETY: JOIN_WAKER was set when COMPLETE came: from then on nobody writes the waker.
        if let Some(waker) = unsafe { (header.vtable.join_waker)(pointer).as_ref() } {
            reference::wake_quietly(|| waker.wake_by_ref());
        }
    }
}

/// Frees a task without references.
///
/// # Safety
/// The caller has given back the last reference.
pub(crate) unsafe fn free_task(task: NonNull<Header>) {
    // SAFETY: the caller's promise; nobody else can reach the cell any more.
    unsafe { (task.as_ref().vtable.free)(task) }
}

/// Moves the output of a COMPLETE task to `into`, a `*mut Result<T, JoinError>` with the task's own `T`.
///
/// # Safety
/// The caller is the JoinHandle, has seen COMPLETE, and has not taken the output before; `into` is as said and may be written.
pub(crate) unsafe fn take_output_of(task: NonNull<Header>, into: *mut ()) {
    // SAFETY: the caller's promise.
    unsafe { (task.as_ref().vtable.take_output)(task, into) }
}

/// Drops the output of a COMPLETE task.
///
/// # Safety
/// The caller is the JoinHandle and has seen COMPLETE.
pub(crate) unsafe fn drop_output_of(task: NonNull<Header>) {
    // SAFETY: the caller's promise.
    unsafe { (task.as_ref().vtable.drop_output)(task) }
}

/// Where the join waker is.
///
/// # Safety
/// What the caller does with it must be allowed by JOIN_WAKER and COMPLETE; see `State`.
pub(crate) unsafe fn join_waker_of(task: NonNull<Header>) -> NonNull<Option<Waker>> {
    // SAFETY: the caller's promise.
    unsafe { (task.as_ref().vtable.join_waker)(task) }
}

// ---- functions that know the type --------------------------------------------------------------------------------------

/// One function from the run loop to the future: kernels that guard against return-stack attacks leave that stack full of their own entries, so each frame that is left after a
/// system call costs a mispredicted return, 10 ns.
unsafe fn run_cell<F: Future>(task: Runnable) -> Ran {
    let (header, pointer) = (task.header(), task.pointer());
    // SAFETY: user code runs on this thread only as long as this function's reference lives, or while it frees the task itself.
    let _running = unsafe { Running::begin(pointer) };
    let cancelled = || Err(JoinError::cancelled(header.id));
    let polled = match header.state.start() {
        // SAFETY: `start` gave this thread RUNNING, the right to touch the future, and the caller the type.
        Start::Poll => unsafe { poll::<F>(pointer) },
        Start::Cancel => Poll::Ready(cancelled()),
    };
    let output = match polled {
        Poll::Ready(output) => output,
        Poll::Pending => match header.state.suspend() {
            Suspend::Reschedule => return Ran::Reschedule(task),
            Suspend::Idle => {
                task.forget();
                return Ran::Parted;
            }
            Suspend::Free => {
                task.forget();
                // SAFETY: `suspend` gave back the last reference.
                unsafe { free_task(pointer) };
                return Ran::Parted;
            }
            Suspend::Cancel => cancelled(),
        },
    };
    // SAFETY: the caller's promise, and this thread has RUNNING; `suspend` has left it that, too.
    Ran::Over(unsafe { finish::<F>(task, output) })
}

/// The task is over: drops its future, and tells whoever waits, or drops the output that nobody waits for.
///
/// # Safety
/// The task is of type `F`, and the caller has RUNNING.
unsafe fn finish<F: Future>(task: Runnable, output: Result<F::Output, JoinError>) -> Over {
    let (header, pointer) = (task.header(), task.pointer());
    // SAFETY: the caller's promise.
    let cell = unsafe { pointer.cast::<TaskCell<F>>().as_ref() };
    // SAFETY: the caller's promise.
    let output = unsafe { drop_future(cell, output) };
    let unseen = !header.state.load().has_join_interest();
    if unseen {
        drop_quietly(output);
    } else {
        // SAFETY: the caller's promise; the stage is Empty, so nothing is dropped here.
        unsafe { cell.stage.get().write(Stage::Output(output)) };
        conclude_state(header, pointer);
    }
    Over { task, unseen }
}

#[inline(always)]
unsafe fn poll<F: Future>(task: NonNull<Header>) -> Poll<Result<F::Output, JoinError>> {
    // SAFETY: the vtable belongs to a TaskCell<F>, whose header is its first field.
    let cell = unsafe { task.cast::<TaskCell<F>>().as_ref() };
    let polls = &cell.header.polls;
    // Relaxed: a number to be shown.
    polls.store(polls.load(Ordering::Relaxed).saturating_add(1), Ordering::Relaxed);
    // SAFETY: the caller has RUNNING, so this is the only reference to the stage.
    let stage = unsafe { &mut *cell.stage.get() };
    let Stage::Future(future) = stage else { unreachable!("a running task without a future") };
    // SAFETY: the cell is never moved, and the future is dropped in place (`drop_future`, `free`).
    let future = unsafe { Pin::new_unchecked(future) };
    // The waker borrows the running poll's reference: none is counted until it is cloned.
    let waker = ManuallyDrop::new(reference::waker(task));
    let polled = panic::catch_unwind(AssertUnwindSafe(|| future.poll(&mut Context::from_waker(&waker))));
    match polled {
        Ok(polled) => polled.map(Ok),
        Err(payload) => Poll::Ready(Err(JoinError::panic(cell.header.id, payload))),
    }
}

unsafe fn cancel<F: Future>(task: NonNull<Header>) {
    // SAFETY: the vtable belongs to a TaskCell<F>.
    let cell = unsafe { task.cast::<TaskCell<F>>().as_ref() };
    // SAFETY: the caller has RUNNING.
    let output = unsafe { drop_future(cell, Err(JoinError::cancelled(cell.header.id))) };
    // SAFETY: as above; the stage is Empty, so nothing is dropped here.
    unsafe { cell.stage.get().write(Stage::Output(output)) };
}

/// Drops the future in place and leaves Empty. Returns the output; a panic in the future's destructor becomes that.
///
/// # Safety
/// The caller has RUNNING.
#[inline]
unsafe fn drop_future<F: Future>(cell: &TaskCell<F>, output: Result<F::Output, JoinError>) -> Result<F::Output, JoinError> {
    let stage = cell.stage.get();
    // SAFETY: the caller has RUNNING, so this is the only reference to the stage.
    let Stage::Future(future) = (unsafe { &mut *stage }) else { unreachable!("a running task without a future") };
    let future = ptr::from_mut(future);
    // SAFETY: it is dropped where it was polled. If the destructor panics, the remaining fields are dropped by it and the memory is written over, not dropped again.
    let dropped = panic::catch_unwind(AssertUnwindSafe(|| unsafe { future.drop_in_place() }));
    // SAFETY: the future is gone.
    unsafe { stage.write(Stage::Empty) };
    match dropped {
        Ok(()) => output,
        Err(payload) => {
            // The output's own destructor may panic too; the first panic is what the handle reports.
            drop_quietly(output);
            Err(JoinError::panic(cell.header.id, payload))
        }
    }
}

/// Drops an output whose destructor may panic.
#[inline]
fn drop_quietly<T>(output: T) {
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| drop(output))) {
        reference::drop_payload(payload);
        tracing::debug!("the destructor of a task's output panicked");
    }
}

unsafe fn drop_output<F: Future>(task: NonNull<Header>) {
    // SAFETY: the vtable belongs to a TaskCell<F>.
    let stage = unsafe { task.cast::<TaskCell<F>>().as_ref() }.stage.get();
    // SAFETY: the caller owns the output. As in `drop_future`.
    let dropped = panic::catch_unwind(AssertUnwindSafe(|| unsafe { stage.drop_in_place() }));
    // SAFETY: the output is gone.
    unsafe { stage.write(Stage::Empty) };
    if let Err(payload) = dropped {
        reference::drop_payload(payload);
        tracing::debug!("the destructor of a task's output panicked");
    }
}

unsafe fn take_output<F: Future>(task: NonNull<Header>, into: *mut ()) {
    // SAFETY: the vtable belongs to a TaskCell<F>; the caller owns the output.
    let stage = unsafe { &mut *task.cast::<TaskCell<F>>().as_ref().stage.get() };
    let Stage::Output(output) = std::mem::replace(stage, Stage::Empty) else {
        panic!("`JoinHandle` was polled after it was ready");
    };
    // SAFETY: `into` is a `*mut Result<F::Output, JoinError>` that may be written.
    unsafe { into.cast::<Result<F::Output, JoinError>>().write(output) };
}

unsafe fn join_waker<F: Future>(task: NonNull<Header>) -> NonNull<Option<Waker>> {
    // SAFETY: the vtable belongs to a TaskCell<F>; UnsafeCell's pointer is never null.
    unsafe { NonNull::new_unchecked(task.cast::<TaskCell<F>>().as_ref().join_waker.get()) }
}

unsafe fn free<F: Future>(task: NonNull<Header>) {
    let cell = task.cast::<TaskCell<F>>().as_ptr();
    // SAFETY: the last reference is gone. `task::id` may read the header meanwhile, from within the destructor: it has no part in this.
    let dropped = panic::catch_unwind(AssertUnwindSafe(|| unsafe { cell.drop_in_place() }));
    if let Err(payload) = dropped {
        reference::drop_payload(payload);
        tracing::debug!("a destructor panicked while a task was freed");
    }
    // Last: all of that is user code, for which the task runs until here.
    // SAFETY: made by `allocate`, and its fields are gone.
    unsafe { memory::release(task.cast(), Layout::new::<TaskCell<F>>()) };
}
