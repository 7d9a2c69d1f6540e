/// One end of a link: two nodes that see each other's segments.
struct Link {
  enum State: UInt8 {
    case free
    /// The peer's listener had no room; it is tried again.
    case calling
    /// The socket is connected; the peer's hello is awaited.
    case greeting
    case up
    /// We hung up while the peer was writing; it may still be.
    case leaving
    /// The peer hung up; the link stays until its last connection is gone.
    case dead
  }

  var state = State.free
  var socket: Int32 = -1
  /// The peer's doorbell; the process's, as is the mapping of its memory.
  var bell: Int32 = -1
  /// Under which the process keeps both; nil as long as this link has neither.
  var peerKey: PeerTable.Key?
  var peer = SharedMemory.none
  var peerAddress: UInt32 = 0
  /// The address of ours by which the link was made; connections from and to our others use it too.
  var localAddress: UInt32 = 0
  var peerSegmentAddress: UInt64 = 0
  var peerProcess: Int32 = 0
  /// Our block in our segment, and the peer's in its own; 0 for none.
  var block = 0
  var peerBlock = 0
  /// Our bit among the peer's ready bits.
  var peerWord = 0
  var peerBit: UInt64 = 0
  var peerSummary: UInt64 = 0

  // What comes in.
  var completionPosition: UInt32 = 0
  var messagePosition: UInt64 = 0
  // What goes out, and how much of it the peer had taken when we last looked.
  var outPosition: UInt32 = 0
  var outHead: UInt32 = 0
  var outMessagePosition: UInt64 = 0
  var outMessageHead: UInt64 = 0
  /// The pass through the outbox in which the peer had no room: whatever follows in it waits too.
  var fullInPass: UInt64 = 0

  var isPolled = false
  var idlePolls = 0
  var hasMessages = false
  var connectionCount = 0
}
