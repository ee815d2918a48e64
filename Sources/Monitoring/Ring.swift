/// The last `capacity` values, oldest first; older ones are forgotten.
///
/// Memory grows with what is held, up to `capacity` values, so idle models stay small.
package struct Ring<Element: Sendable>: Sendable {
  package let capacity: Int
  private static var firstRoom: Int { 4 }
  private var storage: [Element] = []
  /// Where the oldest value stands once the ring is full.
  private var start = 0

  /// - Precondition: capacity is at least 1.
  package init(capacity: Int) {
    precondition(capacity > 0)
    self.capacity = capacity
  }

  package var count: Int { storage.count }

  package mutating func append(_ element: Element) {
    guard storage.count == capacity else {
      // Doubling, but never beyond what is to be held: an array by itself would take a quarter more.
      if storage.count == storage.capacity {
        storage.reserveCapacity(min(capacity, max(Self.firstRoom, 2 * storage.count)))
      }
      storage.append(element)
      return
    }
    storage[start] = element
    start = start + 1 == capacity ? 0 : start + 1
  }

  /// The value `age` places before the latest, which is 0.
  ///
  /// - Precondition: 0 <= age < count.
  package subscript(fromLatest age: Int) -> Element {
    precondition(age >= 0 && age < count)
    let place = start + count - 1 - age
    return storage[place < count ? place : place - count]
  }

  package var latest: Element? { count == 0 ? nil : self[fromLatest: 0] }
}
