/// Numbers that every LNet node shares.
///
/// **Wire:** `lnet-types.h`, `lib-types.h`, `lib-lnet.h` of release 2.17.0 (spec 01 §2, §6, §9).
public enum LNetLimits {
  /// The largest payload of one message, in bytes: 1 MiB.
  @inlinable public static var maximumPayloadBytes: UInt32 { 1 << 20 }
  /// How many fragments a memory descriptor may have.
  @inlinable package static var maximumFragments: Int { 256 }
  /// How many portals a node has; indices run from 0.
  @inlinable public static var portals: UInt32 { 64 }
  /// The most interfaces that a ping info may list, loopback included.
  @inlinable public static var maximumInterfaces: UInt32 { 200 }
  /// The process id of every Lustre node, ours too.
  @inlinable public static var lustrePID: UInt32 { 12345 }
  /// The wildcard process id of match entries.
  @inlinable public static var anyPID: UInt32 { 0xFFFF_FFFF }
  /// The bit of a process id that marks a peer with an unprivileged source port.
  @inlinable public static var userPIDFlag: UInt32 { 0x8000_0000 }
  /// The match bits of LNet's own ping (GET) and push (PUT), on ``Portal/reserved``.
  @inlinable public static var pingMatchBits: UInt64 { 0x8000_0000_0000_0000 }
  /// The sink length that peer discovery asks for: a ping info of 16 entries.
  @inlinable public static var discoverySinkBytes: UInt32 { 272 }
  /// The sink length that the ping commands ask for, so that the reply stays one message.
  @inlinable public static var pingCommandSinkBytes: UInt32 { 3960 }
}
