import Events

/// At most one deadline for each model, the earliest first: a binary heap with known positions.
///
/// Positions make a changed deadline move its one entry instead of adding another, so memory is one
/// entry a model whatever the events do. Ties go by model index, that is, by order of appearance, so the
/// order of firing never depends on history.
///
/// A deadline that moves away, as each event of a model makes its own do, is left where it is: an entry
/// is never later than its deadline, and whoever finds it first asks for the true one and calls
/// ``settle(_:at:)``. Cost: O(1) where deadlines move by little, O(log models) otherwise.
struct DeadlineQueue: Sendable {
  private struct Entry: Sendable {
    var deadline: Timestamp
    var model: Int

    func precedes(_ other: Entry) -> Bool {
      deadline == other.deadline ? model < other.model : deadline < other.deadline
    }
  }

  private var heap: [Entry] = []
  /// Place in `heap` of each model's entry.
  private var positions: [Int] = []

  var first: (deadline: Timestamp, model: Int)? { heap.first.map { ($0.deadline, $0.model) } }

  /// Adds the next model; its index is the number of models before it.
  mutating func append(_ deadline: Timestamp) {
    positions.append(heap.count)
    heap.append(Entry(deadline: deadline, model: positions.count - 1))
    siftUp(heap.count - 1)
  }

  /// The model's deadline is now `deadline`.
  mutating func update(_ model: Int, to deadline: Timestamp) {
    let position = positions[model]
    guard deadline < heap[position].deadline else { return }
    heap[position].deadline = deadline
    siftUp(position)
  }

  /// Moves the model's entry to its true deadline, which is not before the one that stands there.
  mutating func settle(_ model: Int, at deadline: Timestamp) {
    let position = positions[model]
    heap[position].deadline = deadline
    siftDown(position)
  }

  private mutating func siftUp(_ start: Int) {
    var place = start
    while place > 0, heap[place].precedes(heap[(place - 1) / 2]) {
      swap(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  private mutating func siftDown(_ start: Int) {
    var place = start
    while true {
      var least = place
      for child in 2 * place + 1...2 * place + 2
      where child < heap.count && heap[child].precedes(heap[least]) {
        least = child
      }
      guard least != place else { return }
      swap(place, least)
      place = least
    }
  }

  private mutating func swap(_ left: Int, _ right: Int) {
    heap.swapAt(left, right)
    positions[heap[left].model] = left
    positions[heap[right].model] = right
  }
}
