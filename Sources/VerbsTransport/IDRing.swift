/// The owner's names of the requests in flight on one queue, in posting order.
///
/// A queue pair's queues complete in order, so a request's place says how many before it are done: those
/// without a completion of their own retire with the next one that has it.
// Only the loop that owns the queue pair touches it.
@safe
struct IDRing {
  private let cells: UnsafeMutablePointer<UInt64>
  private let mask: UInt32
  /// Requests that may be in flight.
  let capacity: UInt32
  /// Requests posted and retired so far; they wrap around.
  private(set) var posted: UInt32 = 0
  private(set) var retired: UInt32 = 0

  /// A place as it fits beside a handle in a work request's id.
  static var placeMask: UInt32 { 0x7FFF_FFFF }

  /// - Parameter capacity: requests, 0 to 2³⁰ − 1; room for one more is made, for the marker of a drain.
  init(capacity: UInt32) {
    precondition(capacity < 1 << 30)
    var size: UInt32 = 1
    while size < capacity + 1 { size <<= 1 }
    // SAFETY: given back by `free`, which the slot calls when the queue pair is forgotten.
    unsafe cells = UnsafeMutablePointer<UInt64>.allocate(capacity: Int(size))
    mask = size - 1
    self.capacity = capacity
  }

  func free() {
    // SAFETY: the slot forgets the ring here.
    unsafe cells.deallocate()
  }

  var inFlight: UInt32 { posted &- retired }
  var isFull: Bool { inFlight >= capacity }
  /// The place of the next request.
  var nextPlace: UInt32 { posted & Self.placeMask }
  /// The place of the oldest one in flight.
  var oldestPlace: UInt32 { retired & Self.placeMask }

  mutating func append(_ id: UInt64) {
    // SAFETY: the masked index lies inside the cells.
    unsafe cells[Int(posted & mask)] = id
    posted &+= 1
  }

  /// Takes back the newest ones, which the device did not accept.
  mutating func takeBack(_ count: UInt32) { posted &-= count }

  /// The name of the request in a place, with all before it retired; nil for a place that is not in flight.
  mutating func retire(through place: UInt32) -> UInt64? {
    let distance = (place &- (retired & Self.placeMask)) & Self.placeMask
    guard distance < inFlight else { return nil }
    let index = retired &+ distance
    retired = index &+ 1
    // SAFETY: as in `append`.
    return unsafe cells[Int(index & mask)]
  }

  /// The oldest one in flight, retired.
  mutating func retireOldest() -> UInt64? {
    guard inFlight > 0 else { return nil }
    return retire(through: retired & Self.placeMask)
  }
}
