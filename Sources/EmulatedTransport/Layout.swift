/// Where everything lies in the memory that a transport shares: its *segment*.
///
/// All numbers are offsets in bytes. The owner of a segment writes the queue pairs, the receives and the keys; a
/// connected peer writes received bytes, completions and messages into it, as a device would.
///
/// Memory of an idle connection, both sides alike: 8 KiB of rings for the link (shared by all
/// connections of two nodes), 128 bytes and 16 bytes for each receive (rounded up to a power of two) for the queue
/// pair, and privately about 800 bytes, 16 for each receive and 88 for each send.
enum Layout {
  static let magic: UInt64 = 0x6669_6265_7276_6500  // "everbif" with the version below
  static let version: UInt32 = 2

  // The header: what a peer tells all links at once.
  static let sleeping = 64
  static let readySummary = 128
  static let readyWords = 192
  /// 64 words of 64 bits: one for each link.
  static let linkCountMax = 4096

  // Keys of registered memory.
  static let keys = 0x1000
  static let keyStride = 32
  /// Regions of a node: messages, bulk, and what a program registers for itself.
  static let keyCountMax = 1024
  static let keyValue = 0
  static let keyAccess = 4
  static let keyOffset = 8
  static let keyLength = 16

  // Queue pairs. The first line is the owner's, of which a sender reads the tail when it has used up what
  // it knew; the second is the sender's, of which the owner writes the state when it changes.
  static let queuePairs = 0x10000
  static let queuePairStride = 128
  /// As many as fit into 2 MiB of the segment; a node has a few for each peer.
  static let queuePairCountMax = 16384
  static let receiveTail = 0
  static let receiveRing = 8
  static let receiveMask = 16
  static let busy = 64
  static let state = 68

  /// Offset, length and flags of a posted receive.
  static let receiveStride = 16
  static let receiveLength = 8
  static let receiveFlags = 12

  static let heap = queuePairs + queuePairStride * queuePairCountMax

  // A link's block in the segment of the side that receives: written by the other side, but for the first line.
  static let blockByteCount = 8192
  static let completionHead = 0
  static let messageHead = 8
  static let armed = 64
  static let messages = 256
  static let messageStride = 256
  /// What fits beside the completions into two pages.
  static let messageCount = 15
  static let completions = 4096
  static let completionStride = 16
  static let completionCount = 256

  static func key(_ index: Int) -> Int { keys + index * keyStride }
  static func queuePair(_ slot: Int) -> Int { queuePairs + slot * queuePairStride }

  /// The state word of a queue pair: which life of the slot it is, and whether it takes messages.
  static func stateWord(generation: UInt32, isOpen: Bool) -> UInt32 {
    generation << 1 | (isOpen ? 1 : 0)
  }
}

/// A completion as the sender writes it into the receiver's ring: 16 bytes.
struct CompletionCell: BitwiseCopyable {
  enum Kind {
    static var received: UInt8 { 0 }
    /// The queue pair must go to ERROR: an access of the sender was refused.
    static var refusedAccess: UInt8 { 1 }
  }

  /// The position in the ring, plus one; written last.
  var sequence: UInt32
  var queuePair: UInt32
  var byteCount: UInt32
  var status: UInt8
  var kind: UInt8
  var unused: UInt16 = 0
}

/// What two ends tell each other when they make a link.
struct Hello: BitwiseCopyable {
  var magic = Layout.magic
  var version = Layout.version
  var address: UInt32
  var segmentAddress: UInt64
  var segmentByteCount: UInt64
  /// Where the other end writes to this one.
  var block: UInt64
  /// The bit of this link among the sender-to-be's ready bits.
  var link: UInt32
  var process: Int32
  /// A random number, the same on all links of the node.
  var node: UInt64
}
