#if Verbs
internal import CRDMA
internal import RDMATransport
internal import Structures

/// A queue pair as its loop sees it.
// Only the loop touches it; the queue pair itself lives until the loop has answered `drained`.
@safe
struct QueuePairSlot {
  enum Phase: UInt8 {
    case free
    /// Takes receives.
    case ready
    /// Takes sends too.
    case established
    /// Takes both and flushes them.
    case failed
    /// Takes nothing; what is in flight is being flushed.
    case draining
    /// Takes nothing; what is in flight is completed by us.
    case purging
    /// All has been delivered.
    case drained
  }

  var phase = Phase.free
  var raw: UInt32 = .max
  var pair: UnsafeMutablePointer<ibv_qp>?
  var sends = IDRing(capacity: 0)
  var receives = IDRing(capacity: 0)
  var sendSegments: UInt8 = 0
  var inlineByteCount: UInt16 = 0
  var initiatorDepth: UInt8 = 0
  /// The place of the send that marks the end of a drain; nil before it is posted.
  var marker: UInt32?

  init() {}

  /// Takes a queue pair on.
  mutating func open(_ handle: QueuePairHandle, address: UInt, _ attributes: QueuePairAttributes) {
    sends.free()
    receives.free()
    phase = .ready
    raw = handle.handle.raw
    unsafe pair = UnsafeMutablePointer(bitPattern: address)
    sends = IDRing(capacity: attributes.sendCapacity)
    receives = IDRing(capacity: attributes.receiveCapacity)
    sendSegments = attributes.sendSegments
    inlineByteCount = attributes.inlineByteCount
    initiatorDepth = 0
    marker = nil
  }

  mutating func close() {
    phase = .free
    raw = .max
    unsafe pair = nil
  }

  var isDrained: Bool { sends.inFlight == 0 && receives.inFlight == 0 }
}

/// What a work request's id says: whose it is, of which queue, and its place there.
struct WorkID {
  var raw: UInt64

  init(raw: UInt64) { self.raw = raw }

  init(handle: UInt32, isReceive: Bool, place: UInt32) {
    raw = UInt64(handle) << 31 | UInt64(place) | (isReceive ? 1 << 63 : 0)
  }

  var isReceive: Bool { raw >> 63 != 0 }
  var handle: UInt32 { UInt32(truncatingIfNeeded: raw >> 31) }
  var place: UInt32 { UInt32(truncatingIfNeeded: raw) & IDRing.placeMask }
}
#endif
