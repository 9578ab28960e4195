use diesel::{Connection as _, SqliteConnection};
use scim_core::Kind;

use super::*;

#[test]
fn writes_made_together_are_stored_together_or_not_at_all() {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute("CREATE TABLE t (x TEXT PRIMARY KEY); PRAGMA max_page_count = 40").unwrap();
    let writer = Writer::new(conn.into(), Duration::from_secs(5));
    let insert = |x: &str| {
        writer.write(|Session { conn, .. }, _| {
            statement("INSERT INTO t VALUES (").text(x).sql(")").execute(conn).map(drop)
        })
    };
    let rows = || {
        writer
            .write(|Session { conn, .. }, _| statement("SELECT COUNT(*) FROM t").count(conn))
            .unwrap()
    };
    let mut done = Vec::new();
    // One that fails undoes itself alone.
    writer.together(&mut || done = vec![insert("a"), insert("a"), insert("b")]).unwrap();
    assert_eq!(done.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(rows(), 2);
    // A full disk ends the transaction, and what was written before with it: nobody is told otherwise.
    let huge = "x".repeat(1_000_000);
    let stored = writer.together(&mut || done = vec![insert("c"), insert(&huge), insert("d")]);
    assert_eq!(stored.unwrap_err().kind(), Kind::Busy);
    assert_eq!(done.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(rows(), 2);
    writer.together(&mut || done = vec![insert("c")]).unwrap();
    assert_eq!(rows(), 3);
    // A panic gives the connection back.
    let panicked = catch_unwind(AssertUnwindSafe(|| writer.together(&mut || panic!("x"))));
    assert!(panicked.is_err());
    assert_eq!(rows(), 3);
}

/// A writer of a table in memory.
fn of_a_table() -> Writer {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute("CREATE TABLE t (x TEXT)").unwrap();
    Writer::new(conn.into(), Duration::from_secs(5))
}

fn insert(conn: &mut Conn, x: &str) -> Result<()> {
    statement("INSERT INTO t VALUES (").text(x).sql(")").execute(conn).map(drop)
}

fn rows(writer: &Writer) -> String {
    let all = |conn: &mut Conn| {
        statement("SELECT x FROM t ORDER BY rowid").rows::<diesel::sql_types::Text, String>(conn)
    };
    writer.write(|Session { conn, .. }, _| all(conn)).unwrap().concat()
}

#[test]
fn a_write_that_fails_halfway_undoes_itself_alone_and_the_others_are_run_again() {
    let writer = of_a_table();
    let refusal = || Error::not_found("x");
    let (mut runs, mut done) = (0, Vec::new());
    let mut together = |fault: &dyn Fn(&mut Conn) -> Result<()>| {
        let write = |x: &str| writer.write(|Session { conn, .. }, _| insert(conn, x));
        runs = 0;
        writer
            .together(&mut || {
                runs += 1;
                let faulty = || writer.write(|Session { conn, .. }, _| fault(conn));
                let faulty =
                    || catch_unwind(AssertUnwindSafe(faulty)).unwrap_or_else(|_| Err(refusal()));
                done = vec![write("a"), faulty(), write("b"), faulty(), write("c")];
            })
            .unwrap();
        let well: Vec<_> = done.iter().map(Result::is_ok).collect();
        assert_eq!(well, [true, false, true, false, true]);
        assert!(done[1].as_ref().is_err_and(|e| e.kind() == Kind::NotFound), "{done:?}");
        runs
    };
    // Before it has written, there is nothing to undo.
    assert_eq!(together(&|_| Err(refusal())), 1);
    assert_eq!(rows(&writer), "abc");
    let halfway = |conn: &mut Conn| insert(conn, "x").and_then(|()| Err(refusal()));
    assert_eq!(together(&halfway), 2);
    assert_eq!(rows(&writer), "abcabc");
    let panics = |conn: &mut Conn| {
        insert(conn, "x")?;
        panic!("halfway")
    };
    assert_eq!(together(&panics), 2);
    assert_eq!(rows(&writer), "abcabcabc");
}

#[test]
fn the_first_write_of_a_transaction_needs_nobody_to_be_undone() {
    let writer = of_a_table();
    let halfway = |conn: &mut Conn| -> Result<()> {
        insert(conn, "x").and_then(|()| Err(Error::not_found("x")))
    };
    let (mut runs, mut failed) = (0, None);
    let mut together = || {
        runs += 1;
        failed = writer.write(|Session { conn, .. }, _| halfway(conn)).err();
        writer.write(|Session { conn, .. }, _| insert(conn, "a")).unwrap();
    };
    writer.together(&mut together).unwrap();
    assert_eq!((runs, failed.unwrap().kind()), (1, Kind::NotFound));
    assert_eq!(
        writer.write(|Session { conn, .. }, _| halfway(conn)).unwrap_err().kind(),
        Kind::NotFound
    );
    assert_eq!(rows(&writer), "a");
}

#[test]
fn what_others_left_open_is_not_undone_with_writes_made_together() {
    // However slow the machine is, the transaction is left open.
    let writer = Writer { longest: Duration::from_secs(60), ..of_a_table() };
    std::thread::scope(|scope| {
        let (writing, written) = std::sync::mpsc::channel();
        let other = scope.spawn({
            let writer = &writer;
            move || {
                writer.write(|Session { conn, .. }, _| {
                    writing.send(()).unwrap();
                    // Until somebody waits, for whom the transaction is left open.
                    while writer.slot.lock().unwrap().waiting.is_empty() {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    insert(conn, "o")
                })
            }
        });
        written.recv().unwrap();
        let mut runs = 0;
        writer
            .together(&mut || {
                runs += 1;
                writer.write(|Session { conn, .. }, _| insert(conn, "a")).unwrap();
                let halfway = |conn: &mut Conn| -> Result<()> {
                    insert(conn, "x").and_then(|()| Err(Error::not_found("x")))
                };
                assert!(writer.write(|Session { conn, .. }, _| halfway(conn)).is_err());
            })
            .unwrap();
        assert_eq!(runs, 1);
        other.join().unwrap().unwrap();
    });
    assert_eq!(rows(&writer), "oa");
}

#[test]
fn a_part_that_fails_halfway_is_run_again_with_savepoints() {
    let writer = of_a_table();
    let mut savepoints = Vec::new();
    let mut write = |Session { conn, .. }: &mut Session, attempt: &Attempt| {
        savepoints.push(attempt.has_savepoints());
        insert(conn, "a")?;
        if !attempt.has_savepoints() {
            attempt.ask_again();
        }
        Ok(())
    };
    writer.write(&mut write).unwrap();
    let done = writer.together(&mut || {
        writer.write(|Session { conn, .. }, _| insert(conn, "b")).unwrap();
        let _ = writer.write(&mut write);
    });
    done.unwrap();
    assert_eq!(rows(&writer), "aba");
    assert_eq!(savepoints, [false, true, false, false, true]);
}

#[test]
fn whoever_takes_the_connection_again_and_again_keeps_nobody_waiting() {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute("CREATE TABLE t (x TEXT)").unwrap();
    let writer = Writer::new(conn.into(), Duration::from_secs(5));
    let (done, turns) = (std::sync::atomic::AtomicBool::new(false), AtomicU64::new(0));
    let mut waited = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                writer.together(&mut || std::thread::sleep(Duration::from_millis(1))).unwrap();
                turns.fetch_add(1, Ordering::Relaxed);
            }
        });
        for _ in 0..50 {
            let before = turns.load(Ordering::Relaxed);
            writer
                .write(|Session { conn, .. }, _| {
                    statement("INSERT INTO t VALUES ('a')").execute(conn)
                })
                .unwrap();
            waited.push(turns.load(Ordering::Relaxed) - before);
        }
        done.store(true, Ordering::Relaxed);
    });
    waited.sort_unstable();
    assert!(waited[25] <= 3, "writes waited for so many turns of another: {waited:?}");
}

#[test]
fn a_full_disk_undoes_the_batch_and_nothing_of_it_is_stored() {
    let mut conn = Conn::from(SqliteConnection::establish(":memory:").unwrap());
    conn.batch_execute("CREATE TABLE t (x TEXT); PRAGMA max_page_count = 40").unwrap();
    let writer = Writer::new(conn, Duration::from_secs(5));
    let insert = |conn: &mut Conn, n: usize| {
        statement("INSERT INTO t VALUES (").text(&"x".repeat(n)).sql(")").execute(conn)
    };
    writer.write(|Session { conn, .. }, _| insert(conn, 10)).unwrap();
    let done = writer.write(|Session { conn, .. }, _| {
        insert(conn, 10)?;
        insert(conn, 1_000_000)
    });
    assert_eq!(done.unwrap_err().kind(), Kind::Busy);
    let rows = |conn: &mut Conn| statement("SELECT COUNT(*) FROM t").count(conn);
    assert_eq!(writer.write(|Session { conn, .. }, _| rows(conn)).unwrap(), 1);
    writer.write(|Session { conn, .. }, _| insert(conn, 10)).unwrap();
    assert_eq!(writer.write(|Session { conn, .. }, _| rows(conn)).unwrap(), 2);
}
