/// Constants of the o2iblnd wire protocol.
///
/// **Wire:** `o2iblnd-idl.h`, `o2iblnd.h` of release 2.17.0 (spec 02 §2, §3, §6.1).
public enum O2IBProtocol {
  /// `ibm_magic` and `ibr_magic`, in the sender's byte order.
  @inlinable public static var magic: UInt32 { 0x0BE9_1B91 }
  /// What a probe of a future protocol would carry instead; answered with a FATAL reject.
  @inlinable public static var probeMagic: UInt32 { 0x4572_6963 }
  /// The version that we speak.
  @inlinable public static var version: UInt16 { 0x12 }
  /// The version that is only recognised, to reject it.
  @inlinable public static var version1: UInt16 { 0x11 }
  /// The TCP-style port of the RDMA CM on which nodes listen.
  @inlinable public static var servicePort: UInt16 { 987 }
  /// The largest message, and the size of every receive buffer, in bytes.
  @inlinable public static var maximumMessageBytes: UInt32 { 4096 }
  /// Fragments per descriptor and WRITE work requests per transfer: 1 MiB in pages, unaligned.
  @inlinable public static var maximumFragments: UInt16 { 257 }
  /// The least and the most credits per direction of a connection.
  @inlinable public static var queueDepths: ClosedRange<UInt16> { 1...255 }
  /// Private data of a connect request and of an accept, in bytes.
  @inlinable public static var helloBytes: Int { 56 }
  /// Private data of a reject, in bytes.
  @inlinable public static var rejectBytes: Int { 24 }
  /// Where bodies start.
  @inlinable public static var bodyOffset: Int { 48 }
  /// Where the payload of an IMMEDIATE message starts: envelope and LNet header.
  @inlinable public static var immediatePayloadOffset: Int { 120 }
  /// The largest payload of an IMMEDIATE message, in bytes.
  @inlinable public static var maximumImmediatePayloadBytes: UInt32 { 3976 }
}
