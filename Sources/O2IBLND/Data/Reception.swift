internal import BasicContainers
internal import LNet
internal import LustreWire
internal import RDMATransport
internal import Structures

/// A message that LNet holds, and what its answer will need.
struct Reception: BitwiseCopyable {
  var connection: Handle
  var piece: BufferRef
  var receive: UInt16
  var kind: O2IBMessageType
  var interface: UInt8
  var peer: NID
  var cookie: UInt64 = 0
  var remote = RemoteMemory()
  /// Bytes that the descriptor of a GET_REQ has room for.
  var sinkByteCount: UInt32 = 0
}

extension Reception {
  /// Sets what every kind of message has.
  @inline(__always)
  mutating func begin(
    _ event: LNDEvent.Kind, on connection: Handle, _ interface: UInt8, _ peer: NID,
    receive: UInt16, piece: BufferRef
  ) {
    self.connection = connection
    self.piece = piece
    self.receive = receive
    self.interface = interface
    self.peer = peer
    switch event {
    case .putRequest: kind = .putRequest
    case .getRequest: kind = .getRequest
    default: kind = .immediate
    }
  }
}

/// All receptions of a driver. Elements are read where they lie: they are too large to be copied for every
/// message.
struct ReceptionTable: ~Copyable {
  struct Life: BitwiseCopyable {
    var generation: UInt32
    var nextFree: UInt32
    var isUsed: Bool
  }

  /// By slot; only those of live handles mean anything.
  var slots: RigidArray<Reception>
  private var lives: RigidArray<Life>
  private var firstFree: UInt32
  private(set) var count = 0

  init(capacity: Int) {
    precondition(capacity > 0 && capacity < Handle.slotCountMax)
    slots = RigidArray(capacity: capacity)
    lives = RigidArray(capacity: capacity)
    for slot in 0..<capacity {
      slots.append(
        Reception(
          connection: .none, piece: .none, receive: 0, kind: .noop, interface: 0,
          peer: NID(rawValue: 0)))
      let next = slot + 1 == capacity ? UInt32.max : UInt32(slot + 1)
      lives.append(Life(generation: 0, nextFree: next, isUsed: false))
    }
    firstFree = 0
  }

  @inline(__always) var isFull: Bool { firstFree == .max }

  /// Takes a slot, whose element the caller then writes; nil when all are taken.
  mutating func take() -> Handle? {
    guard firstFree != .max else { return nil }
    let slot = Int(firstFree)
    firstFree = lives[slot].nextFree
    lives[slot].isUsed = true
    count += 1
    return Handle(slot: slot, generation: lives[slot].generation)
  }

  @inline(__always)
  func contains(_ handle: Handle) -> Bool {
    let slot = handle.slot
    return slot < lives.count && lives[slot].isUsed && lives[slot].generation == handle.generation
  }

  /// Frees a slot; its element stays readable until the next `take`.
  mutating func free(_ handle: Handle) {
    precondition(contains(handle), "an answer to a reception that is answered or never was")
    free(live: handle.slot)
  }

  /// Frees the slot of a live handle.
  @inline(__always)
  mutating func free(live slot: Int) {
    lives[slot].generation = (lives[slot].generation + 1) & 0xFFF
    lives[slot].isUsed = false
    lives[slot].nextFree = firstFree
    firstFree = UInt32(slot)
    count -= 1
  }
}
