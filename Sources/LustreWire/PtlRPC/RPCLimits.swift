/// Numbers of the message format that every node shares.
///
/// **Wire:** `lustre_idl.h`, `lustre_net.h` of release 2.17.0 (spec 10 §2, §13).
public enum RPCLimits {
  /// The most buffers of one message.
  public static let maximumBuffers = 32
  /// The longest buffer and the longest message, in bytes: what the service with the longest requests takes.
  public static let maximumMessageBytes = 1000 << 10
  /// Bytes of a message of one buffer, the current body: the place kept for early replies, and so the
  /// offset of final replies to requests that may get early ones (spec 10 §6.3).
  public static let earlyReplyBytes = 224
  /// How far apart two fresh XIDs are: the match bits between them are for bulk (spec 10 §9.1).
  public static let xidStep: UInt64 = 128
  /// The bytes of a UUID in a CONNECT, terminator included.
  public static let connectUUIDBytes = 39
}
