import Events

/// At most one deadline for each model, the earliest first: a binary heap with known positions.
///
/// Positions make a changed deadline move its one entry instead of adding another, so memory is one
/// entry a model whatever the events do. Cost: O(log models) a change. Ties go by model index, that
/// is, by order of appearance, so the order of firing never depends on history.
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

  mutating func update(_ model: Int, to deadline: Timestamp) {
    let position = positions[model]
    guard heap[position].deadline != deadline else { return }
    heap[position].deadline = deadline
    siftUp(position)
    siftDown(positions[model])
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
