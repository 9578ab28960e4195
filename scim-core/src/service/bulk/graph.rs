//! In which order the operations of a bulk request run: an operation after those that make what it
//! refers to; operations that refer to each other in a circle together (RFC 7644 §3.7.1).

/// Groups of operations, each after those that it depends on; a group of more than one is a circle.
/// `dependencies[i]` are the operations that `i` refers to. Otherwise the order is kept.
///
/// Tarjan's strongly connected components, with a stack of its own: a request may nest a thousand
/// references.
pub(super) fn units(dependencies: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut walk = Walk {
        dependencies,
        nodes: vec![Node::default(); dependencies.len()],
        counter: 0,
        open: Vec::new(),
        units: Vec::new(),
    };
    for start in 0..dependencies.len() {
        walk.from(start);
    }
    walk.units
}

#[derive(Clone, Copy, Default)]
struct Node {
    /// When it was first reached; 0 is never.
    index: usize,
    /// The earliest node that it reaches.
    low: usize,
    open: bool,
}

struct Walk<'a> {
    dependencies: &'a [Vec<usize>],
    nodes: Vec<Node>,
    counter: usize,
    open: Vec<usize>,
    units: Vec<Vec<usize>>,
}

impl Walk<'_> {
    fn node(&self, at: usize) -> Node {
        self.nodes.get(at).copied().unwrap_or_default()
    }

    fn enter(&mut self, at: usize) {
        self.counter += 1;
        let counter = self.counter;
        if let Some(node) = self.nodes.get_mut(at) {
            *node = Node { index: counter, low: counter, open: true };
        }
        self.open.push(at);
    }

    fn lower(&mut self, at: usize, low: usize) {
        if let Some(node) = self.nodes.get_mut(at) {
            node.low = node.low.min(low);
        }
    }

    fn from(&mut self, start: usize) {
        if self.node(start).index != 0 {
            return;
        }
        self.enter(start);
        // Where the walk is, and how many of its dependencies have been looked at.
        let mut path = vec![(start, 0)];
        while let Some((at, looked)) = path.pop() {
            match self.dependencies.get(at).and_then(|d| d.get(looked)).copied() {
                Some(next) => {
                    path.push((at, looked + 1));
                    let node = self.node(next);
                    if node.index == 0 && next < self.nodes.len() {
                        self.enter(next);
                        path.push((next, 0));
                    } else if node.open {
                        self.lower(at, node.index);
                    }
                }
                None => {
                    let node = self.node(at);
                    if let Some((parent, _)) = path.last() {
                        self.lower(*parent, node.low);
                    }
                    if node.low == node.index {
                        self.close(at);
                    }
                }
            }
        }
    }

    /// `at` and all that is open after it are one unit.
    fn close(&mut self, at: usize) {
        let mut unit = Vec::new();
        while let Some(member) = self.open.pop() {
            if let Some(node) = self.nodes.get_mut(member) {
                node.open = false;
            }
            unit.push(member);
            if member == at {
                break;
            }
        }
        unit.sort_unstable();
        self.units.push(unit);
    }
}

#[cfg(test)]
mod tests {
    use super::units;

    #[test]
    fn dependencies_come_first_and_circles_together() {
        assert_eq!(units(&[vec![], vec![], vec![]]), [[0], [1], [2]]);
        assert_eq!(units(&[vec![2], vec![], vec![1]]), [[1], [2], [0]]);
        assert_eq!(units(&[vec![1], vec![0], vec![0]]), [vec![0, 1], vec![2]]);
        assert_eq!(units(&[vec![0]]), [[0]]);
        assert_eq!(units(&[vec![1], vec![2], vec![0], vec![]]), [vec![0, 1, 2], vec![3]]);
    }

    #[test]
    fn s29_a_long_chain_needs_no_stack() {
        let chain: Vec<_> = (0..100_000).map(|i| vec![i + 1]).chain([vec![]]).collect();
        let order = units(&chain);
        assert_eq!(order.len(), 100_001);
        assert_eq!(order[0], [100_000]);
    }
}
