//! Lines on their way to standard error. A thread of their own writes them, all that there are at a time: a request
//! neither waits for that nor pays for a system call.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long lines are gathered, after some were written.
const PAUSE: Duration = Duration::from_millis(5);
/// Bytes that are written before the pause is over.
const MANY: usize = 64 * 1024;
/// Bytes that wait at the most. If nobody reads standard error for so long, what comes then is lost: a log must not
/// stop the server.
const MOST: usize = 8 * 1024 * 1024;
/// How long an ending process waits for the reader of standard error.
const PATIENCE: Duration = Duration::from_secs(5);

/// Takes lines, and has them written.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to write, or a reason not to gather any longer.
    wanted: Condvar,
    /// Something was written.
    written: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    /// The thread waits for a first line.
    idle: bool,
    /// The thread is writing lines that it has taken.
    writing: bool,
    /// Somebody waits until all is written.
    hurry: bool,
    /// Lines that there was no room for, since that was last told.
    lost: usize,
}

impl Lines {
    /// Starts the thread, which writes to `out` as long as the process runs. It tells how many lines were lost, once
    /// there is room again.
    pub(super) fn start(
        mut out: impl Write + Send + 'static,
        tell_lost: impl Fn(usize) + Send + 'static,
    ) -> io::Result<Self> {
        let lines = Self::default();
        let of_thread = lines.clone();
        let thread = std::thread::Builder::new().name("log".to_owned());
        thread.spawn(move || of_thread.write_to(&mut out, tell_lost))?;
        Ok(lines)
    }

    /// Waits until all lines are written, or nobody reads them.
    pub(super) fn finish(&self) {
        let until = Instant::now() + PATIENCE;
        let mut state = self.state();
        while state.writing || !state.lines.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state.hurry = true;
            self.0.wanted.notify_one();
            let waited = self.0.written.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_to(&self, out: &mut impl Write, tell_lost: impl Fn(usize)) {
        let mut taken = Vec::new();
        let mut state = self.state();
        loop {
            state.idle = true;
            let nothing = |state: &mut State| state.lines.is_empty();
            state =
                self.0.wanted.wait_while(state, nothing).unwrap_or_else(PoisonError::into_inner);
            (state.idle, state.writing) = (false, true);
            std::mem::swap(&mut state.lines, &mut taken);
            let lost = std::mem::take(&mut state.lost);
            drop(state);
            if lost > 0 {
                tell_lost(lost);
            }
            // Where nobody reads, there is nobody to tell.
            let _ = out.write_all(&taken).and_then(|()| out.flush());
            taken.clear();
            state = self.state();
            (state.writing, state.hurry) = (false, false);
            self.0.written.notify_all();
            let few = |state: &mut State| state.lines.len() < MANY && !state.hurry;
            let waited = self.0.wanted.wait_timeout_while(state, PAUSE, few);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.state();
        if state.lines.len().saturating_add(line.len()) > MOST {
            state.lost = state.lost.saturating_add(1);
            return Ok(line.len());
        }
        state.lines.extend_from_slice(line);
        if state.idle || state.lines.len() >= MANY {
            state.idle = false;
            self.0.wanted.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Tells what is written to it, and waits for a word after each time.
    struct Slow {
        written: mpsc::Sender<Vec<u8>>,
        go_on: mpsc::Receiver<()>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.written.send(bytes.to_vec()).unwrap();
            let _ = self.go_on.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    type Slowly = (Lines, mpsc::Receiver<Vec<u8>>, mpsc::Sender<()>, mpsc::Receiver<usize>);

    fn slow() -> Slowly {
        let ((written, told), (go_on, allowed)) = (mpsc::channel(), mpsc::channel());
        let (tell, lost) = mpsc::channel();
        let lines = Lines::start(Slow { written, go_on: allowed }, move |n| tell.send(n).unwrap());
        (lines.unwrap(), told, go_on, lost)
    }

    #[test]
    fn what_comes_while_something_is_written_is_written_together() {
        let (mut lines, told, go_on, _lost) = slow();
        lines.write_all(b"one\n").unwrap();
        assert_eq!(told.recv().unwrap(), b"one\n");
        for line in ["two\n", "three\n", "four\n"] {
            lines.write_all(line.as_bytes()).unwrap();
        }
        go_on.send(()).unwrap();
        assert_eq!(told.recv().unwrap(), b"two\nthree\nfour\n");
        drop(go_on);
        lines.finish();
    }

    #[test]
    fn finishing_waits_for_the_last_line_and_not_for_more() {
        let (mut lines, told, go_on, _lost) = slow();
        lines.write_all(b"last\n").unwrap();
        let finishing = std::thread::spawn({
            let lines = lines.clone();
            move || lines.finish()
        });
        assert_eq!(told.recv().unwrap(), b"last\n");
        assert!(!finishing.is_finished());
        go_on.send(()).unwrap();
        finishing.join().unwrap();
        lines.finish();
    }

    #[test]
    fn who_says_too_much_waits_for_nobody_and_what_is_lost_is_told() {
        let (mut lines, told, go_on, lost) = slow();
        let line = [b'x'; 1024];
        lines.write_all(&line).unwrap();
        let mut seen = told.recv().unwrap().len();
        // Nobody reads on.
        for _ in 0..MOST / line.len() + 3 {
            lines.write_all(&line).unwrap();
        }
        drop(go_on);
        seen += told.recv().unwrap().len();
        assert_eq!((seen, lost.recv().unwrap()), (line.len() + MOST, 3));
        lines.finish();
    }
}
