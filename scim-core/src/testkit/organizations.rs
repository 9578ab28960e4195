//! The law of memberships, as a property test: after any sequence of what identity providers and people do,
//! what the rules answer is what a naive model says, and so is what the log tells.

mod model;
mod world;

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use self::model::Model;
use self::world::World;
use crate::event::Event;
use crate::org::Records;
use crate::store::{Store, Tenant};

/// Users, groups and linked organizations of a sequence.
const USERS: usize = 5;
const GROUPS: usize = 4;
const ORGANIZATIONS: usize = 3;
/// Names that groups and SCIM Names are taken from.
const NAMES: usize = 3;

/// One step.
#[derive(Debug, Clone)]
enum Step {
    /// The user is pushed, changed to active or not, or deleted.
    PushUser(usize, bool),
    SetActive(usize, bool),
    DeleteUser(usize),
    /// A group is pushed under a name with members, renamed, or deleted.
    PushGroup(usize, usize, BTreeSet<usize>),
    RenameGroup(usize, usize),
    DeleteGroup(usize),
    /// Members of a group: users or groups come, go, or are replaced.
    AddUser(usize, usize),
    RemoveUser(usize, usize),
    AddGroup(usize, usize),
    RemoveGroup(usize, usize),
    PutGroup(usize, usize, BTreeSet<usize>),
    /// Links.
    Link(usize, Option<usize>),
    Unlink(usize, bool),
    SetName(usize, Option<usize>),
    SwapNames(usize, usize),
    /// Whether the Admin Organization's people are members by groups only.
    SetPolicy(usize, bool),
    /// People.
    AddManual(usize, usize),
    RemoveManual(usize, usize),
    /// The organization's own directory.
    PushOwn(usize, usize, bool),
    DeleteOwn(usize, usize),
    /// The domain that the first organization claims.
    TransferDomain,
    WithdrawDomain(bool),
    ClaimDomain(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let (user, group) = (0..USERS, 0..GROUPS);
    let (org, name) = (0..ORGANIZATIONS, 0..NAMES);
    let users = || proptest::collection::btree_set(0..USERS, 0..USERS);
    let maybe = || proptest::option::of(0..NAMES);
    prop_oneof![
        4 => (user.clone(), any::<bool>()).prop_map(|(u, active)| Step::PushUser(u, active)),
        3 => (user.clone(), any::<bool>()).prop_map(|(u, active)| Step::SetActive(u, active)),
        1 => user.clone().prop_map(Step::DeleteUser),
        4 => (group.clone(), name.clone(), users()).prop_map(|(g, n, m)| Step::PushGroup(g, n, m)),
        2 => (group.clone(), name.clone()).prop_map(|(g, n)| Step::RenameGroup(g, n)),
        1 => group.clone().prop_map(Step::DeleteGroup),
        3 => (group.clone(), user.clone()).prop_map(|(g, u)| Step::AddUser(g, u)),
        3 => (group.clone(), user.clone()).prop_map(|(g, u)| Step::RemoveUser(g, u)),
        2 => (group.clone(), group.clone()).prop_map(|(g, h)| Step::AddGroup(g, h)),
        1 => (group.clone(), group.clone()).prop_map(|(g, h)| Step::RemoveGroup(g, h)),
        2 => (group, name, users()).prop_map(|(g, n, m)| Step::PutGroup(g, n, m)),
        4 => (org.clone(), maybe()).prop_map(|(o, n)| Step::Link(o, n)),
        1 => (org.clone(), any::<bool>()).prop_map(|(o, keep)| Step::Unlink(o, keep)),
        3 => (org.clone(), maybe()).prop_map(|(o, n)| Step::SetName(o, n)),
        1 => (org.clone(), org.clone()).prop_map(|(o, p)| Step::SwapNames(o, p)),
        1 => (org.clone(), any::<bool>()).prop_map(|(o, only)| Step::SetPolicy(o, only)),
        2 => (org.clone(), user.clone()).prop_map(|(o, u)| Step::AddManual(o, u)),
        2 => (org.clone(), user.clone()).prop_map(|(o, u)| Step::RemoveManual(o, u)),
        2 => (org.clone(), user.clone(), any::<bool>()).prop_map(|(o, u, a)| Step::PushOwn(o, u, a)),
        1 => (org, user).prop_map(|(o, u)| Step::DeleteOwn(o, u)),
        1 => Just(Step::TransferDomain),
        1 => any::<bool>().prop_map(Step::WithdrawDomain),
        1 => any::<bool>().prop_map(Step::ClaimDomain),
    ]
}

/// How a sequence begins, so that most steps find something to work on: users, groups in groups, linked
/// organizations whose SCIM Names match, a person who was added by hand.
fn beginning() -> Vec<Step> {
    let mut steps: Vec<Step> = (0..USERS).map(|user| Step::PushUser(user, user != 4)).collect();
    for i in 0..NAMES {
        steps.push(Step::PushGroup(i, i, (i..i + 2).collect()));
        steps.push(Step::Link(i, Some(i)));
    }
    steps.extend([Step::AddGroup(0, 1), Step::AddUser(1, 4), Step::AddManual(0, 1)]);
    steps
}

/// Runs `cases` random sequences against a store, and compares after each step who is a member of what
/// and why, who is active, what each person sees, whose settings count, how people sign in, and, at the end,
/// what `log` tells.
pub fn memberships_equal_a_model<S>(store: &S, cases: u32, log: impl Fn(&Tenant) -> Vec<Event>)
where
    S: Store + Clone,
    for<'a> S::Tx<'a>: Records,
{
    let config =
        Config { cases, max_shrink_iters: 2_000, failure_persistence: None, ..Config::default() };
    let outcome =
        TestRunner::new(config).run(&(any::<bool>(), vec(step(), 1..40)), |(begun, steps)| {
            let beginning = if begun { beginning() } else { Vec::new() };
            let steps: Vec<Step> = beginning.into_iter().chain(steps).collect();
            let mut world = World::new(store.clone());
            let mut model = Model::default();
            for (i, step) in steps.iter().enumerate() {
                let done = world.take(step);
                if done {
                    model.take(step);
                }
                let at =
                    format!("after step {i}, {step:?} ({})", if done { "done" } else { "refused" });
                same(&at, &world.memberships(), &model.memberships())?;
                same(&at, &world.seen(), &model.seen())?;
                same(&at, &world.effective(), &model.effective())?;
                same(&at, &world.sign_in(), &model.sign_in())?;
            }
            same("in the log", &world.told(&log), &model.grants())
        });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, (begun, steps))) => {
            panic!("{reason}\n{begun} {steps:#?}")
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

fn same<T: PartialEq + std::fmt::Debug>(at: &str, is: &T, should: &T) -> Result<(), TestCaseError> {
    if is == should {
        return Ok(());
    }
    Err(TestCaseError::fail(format!("{at}:\n is     {is:?}\n should {should:?}")))
}
