internal import BasicContainers
internal import LNet
internal import LustreWire
internal import RDMATransport
internal import Structures

/// A list of transmits, threaded through their slots.
struct TransmitQueue: BitwiseCopyable {
  static var end: UInt32 { .max }
  var head = TransmitQueue.end
  var tail = TransmitQueue.end
  var count: UInt32 = 0
  var isEmpty: Bool { head == Self.end }
}

/// Where a transmit is: it is in exactly one list at a time.
enum TransmitPlace: UInt8, BitwiseCopyable {
  case free
  /// Taken, and not yet in a list.
  case taken
  /// Waits for a connection, in its peer's list.
  case pending
  /// Waits on its connection for room or credit.
  case uncredited, credited, reserved
  /// Posted; the completion is outstanding.
  case inFlight
  /// Sent; the peer's answer is outstanding.
  case awaiting
}

/// What the peer has answered to a request, before the request's own completion was seen.
enum TransmitAnswer: UInt8, BitwiseCopyable {
  case none
  /// PUT_ACK: go on with the data.
  case proceed
  /// PUT_NAK, PUT_DONE or GET_DONE: over, with `status`.
  case done
}

/// The peer's memory of one transfer.
struct RemoteMemory: BitwiseCopyable {
  var key: UInt32 = 0
  var fragmentCount: UInt16 = 0
  var swapped = false
  /// Where further fragments lie in the message.
  var fragmentsOffset: UInt16 = 0
  /// The receive buffer that still holds them, when there is more than one; else
  /// `ReceiveQueue.end`.
  var receive = ReceiveQueue.end
  /// The first fragment, copied.
  var first = RDMAFragment(byteCount: 0, address: 0)
}

/// One message on its way out, and what remains to be done for it afterwards.
struct Transmit: BitwiseCopyable {
  var next = TransmitQueue.end
  var previous = TransmitQueue.end
  var place = TransmitPlace.free
  var kind = O2IBMessageType.noop
  var answer = TransmitAnswer.none
  /// LNet waits for `finished`.
  var isMessage = false
  /// LNet waits for `putDone` or `getServed`.
  var hasTicket = false
  var isReserved = false
  var interface: UInt8 = 0
  var outcome = SendOutcome.localError
  /// The peer's slot while pending, else the connection's.
  var owner: Int32 = -1
  /// Our name of the transfer on the wire: the slot below, a number that does not repeat above.
  var cookie: UInt64 = 0
  var remoteCookie: UInt64 = 0
  var message = Handle.none
  var ticket: UInt32 = 0
  var status: Int32 = 0
  var lastSequence: UInt32 = 0
  var deadline: UInt64 = 0
  /// The data: what IMMEDIATE carries, or what is written.
  var payload = BufferRef.none
  /// Where the peer writes.
  var sink = BufferRef.none
  /// A message piece of our own; `.none` while there is none.
  var piece = BufferRef.none
  var remote = RemoteMemory()
  var walk = FragmentWalk(total: 0)
  /// Work requests of an unfinished transfer are posted.
  var hasStarted = false
  var peer = NID(rawValue: 0)
  var header = LNetHeader(
    destination: ProcessID(nid: NID(rawValue: 0)), source: ProcessID(nid: NID(rawValue: 0)),
    payloadLength: 0, body: .reply(LNetReply(destinationHandle: .none)))
}

extension Transmit {
  /// Sets all fields as a new transmit's, but for the header and what is set before it is read.
  @inline(__always)
  mutating func begin(_ kind: O2IBMessageType, cookie: UInt64) {
    next = TransmitQueue.end
    previous = TransmitQueue.end
    self.kind = kind
    place = .taken
    answer = .none
    isMessage = false
    hasTicket = false
    isReserved = false
    hasStarted = false
    self.cookie = cookie
    status = 0
    payload = .none
    sink = .none
    piece = .none
    walk = FragmentWalk(total: 0)
    remote.receive = ReceiveQueue.end
  }

  /// Takes over what LNet wants sent.
  @inline(__always)
  mutating func carry(_ given: inout LNDMessage) {
    isMessage = true
    interface = given.interface
    message = given.id
    peer = given.peer
    payload = given.payload
    if kind == .getRequest { sink = given.sink }
  }

  /// A payload that lies in a message piece behind enough headroom is sent from there; everything else
  /// needs a piece of our own.
  @inline(__always)
  var isInPlace: Bool {
    kind == .immediate && !payload.isBulk
      && Int(payload.offset) >= O2IBProtocol.immediatePayloadOffset
  }

  /// Of the whole message.
  @inline(__always)
  var messageByteCount: UInt32 {
    switch kind {
    case .immediate: UInt32(O2IBProtocol.immediatePayloadOffset) &+ payload.length
    case .putRequest: O2IBPutRequest.messageByteCount
    case .putAcknowledge: O2IBPutAcknowledge.messageByteCount(fragments: 1)
    case .getRequest: O2IBGetRequest.messageByteCount(fragments: 1)
    case .putNak, .putDone, .getDone: O2IBCompletion.messageByteCount
    case .noop, .connectRequest, .connectAcknowledge: UInt32(O2IBEnvelope.byteCount)
    }
  }
}

/// All transmits of a driver.
struct TransmitTable: ~Copyable {
  /// By index. Stored and visible, as an accessor that yields would allocate in debug builds.
  var slots: RigidArray<Transmit>
  private var firstFree: UInt32
  private(set) var freeCount: Int
  private var sequence: UInt64 = 0

  init(capacity: Int) {
    precondition(capacity > 0 && capacity < 1 << 20)
    slots = RigidArray(capacity: capacity)
    for index in 0..<capacity {
      var slot = Transmit()
      slot.next = index + 1 == capacity ? TransmitQueue.end : UInt32(index + 1)
      slots.append(slot)
    }
    firstFree = 0
    freeCount = capacity
  }

  var capacity: Int { slots.count }
  var usedCount: Int { slots.count - freeCount }

  /// Takes a slot, unless only `reserve` are left. Its fields are as a new transmit's, but for the
  /// header.
  mutating func take(kind: O2IBMessageType, reserve: Int) -> UInt32? {
    guard freeCount > reserve else { return nil }
    let index = firstFree
    let slot = Int(index)
    firstFree = slots[slot].next
    freeCount -= 1
    sequence &+= 1
    slots[slot].begin(kind, cookie: sequence << 20 | UInt64(index))
    return index
  }

  mutating func free(_ index: UInt32) {
    precondition(slots[Int(index)].place != .free, "a transmit ended twice")
    slots[Int(index)].place = .free
    slots[Int(index)].next = firstFree
    firstFree = index
    freeCount += 1
  }

  /// The transmit with this cookie; nil for a forged or outdated one.
  func find(cookie: UInt64) -> UInt32? {
    let index = UInt32(truncatingIfNeeded: cookie & 0xF_FFFF)
    guard Int(index) < slots.count, slots[Int(index)].cookie == cookie,
      slots[Int(index)].place != .free
    else { return nil }
    return index
  }

  /// Takes the first one out of a list that has one.
  @inline(__always)
  mutating func removeFirst(from queue: inout TransmitQueue) {
    let next = slots[Int(queue.head)].next
    queue.head = next
    if next == TransmitQueue.end {
      queue.tail = next
    } else {
      slots[Int(next)].previous = TransmitQueue.end
    }
    queue.count &-= 1
  }

  mutating func append(
    _ index: UInt32, to queue: inout TransmitQueue, as place: TransmitPlace
  ) {
    Self.place(&slots[Int(index)], behind: queue.tail, place)
    if queue.tail == TransmitQueue.end {
      queue.head = index
    } else {
      slots[Int(queue.tail)].next = index
    }
    queue.tail = index
    queue.count += 1
  }

  @inline(__always)
  private static func place(
    _ transmit: inout Transmit, behind previous: UInt32, _ place: TransmitPlace
  ) {
    transmit.place = place
    transmit.next = TransmitQueue.end
    transmit.previous = previous
  }

  mutating func remove(_ index: UInt32, from queue: inout TransmitQueue) {
    let next = slots[Int(index)].next
    let previous = slots[Int(index)].previous
    if previous == TransmitQueue.end { queue.head = next } else { slots[Int(previous)].next = next }
    if next == TransmitQueue.end {
      queue.tail = previous
    } else {
      slots[Int(next)].previous = previous
    }
    queue.count -= 1
  }
}
