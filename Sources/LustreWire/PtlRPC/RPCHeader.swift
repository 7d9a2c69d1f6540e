/// Flags of a message's header.
///
/// **Wire:** `lm_flags` (spec 10 §2.1). Unknown bits are kept.
public struct RPCHeaderFlags: OptionSet, Hashable, Sendable, BitwiseCopyable {
  /// The bits as on the wire.
  public var rawValue: UInt32

  /// Takes the bits; any value is accepted.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// `MSGHDR_AT_SUPPORT`: the sender of this request takes early replies at offset 0, and its final
  /// reply at ``RPCLimits/earlyReplyBytes``.
  public static let adaptiveTimeouts = RPCHeaderFlags(rawValue: 0x1)
  /// `MSGHDR_CKSUM_INCOMPAT18`: set by every client once it is connected; receivers ignore it.
  public static let checksumIncompatible18 = RPCHeaderFlags(rawValue: 0x2)
  /// What requests carry on a connected import; a CONNECT carries none, a reply neither.
  public static let connected: RPCHeaderFlags = [.adaptiveTimeouts, .checksumIncompatible18]
}

/// Who sends a request, in its security flavour.
///
/// **Wire:** bits 31…24 of `lm_secflvr` (spec 10 §7).
public enum SecurityPart: UInt8, Hashable, Sendable, BitwiseCopyable, CaseIterable {
  /// A client's MDC or OSC; also every server on a reverse import.
  case client = 0
  /// A metadata target.
  case mdt = 1
  /// An object target.
  case ost = 2
  /// A management client.
  case mgc = 3
  /// The management server.
  case mgs = 4
}

/// How a message is secured, and by which part of a node it is sent.
///
/// **Wire:** `lm_secflvr` (spec 10 §7); the null flavour is 0 in bits 19…0.
public struct SecurityFlavor: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The word as on the wire.
  public var rawValue: UInt32

  /// Takes the word; any value is accepted.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The null flavour, sent by `part`.
  @inlinable public static func null(_ part: SecurityPart) -> SecurityFlavor {
    SecurityFlavor(rawValue: UInt32(part.rawValue) << 24)
  }

  /// The null flavour as replies and callbacks carry it.
  public static let null = SecurityFlavor(rawValue: 0)

  /// True when policy, mechanism, service and bulk service are all those of the null flavour.
  @inlinable public var isNull: Bool { rawValue & 0xF_FFFF == 0 }
  /// The sender's part, or nil for a number without one.
  @inlinable public var part: SecurityPart? {
    SecurityPart(rawValue: UInt8(truncatingIfNeeded: rawValue >> 24))
  }
}

/// What a message's header says besides the lengths of its buffers.
///
/// **Wire:** `struct lustre_msg_v2`, 32 bytes and the table of lengths, in the sender's byte order
/// (spec 10 §2.1); `lustre.lustre_msg_v2` in Wireshark.
public struct RPCHeader: Hashable, Sendable, BitwiseCopyable {
  /// Who sends, and how it is secured.
  public var flavor: SecurityFlavor
  /// In a request: bytes of the reply message that there is room for, without the place for early replies.
  /// 0 or too much in open requests: never a reason to refuse (spec 10 §2.1).
  public var replyByteCount: UInt32
  /// In an early reply: the checksum over the body; otherwise 0.
  public var checksum: UInt32
  /// See ``RPCHeaderFlags``.
  public var flags: RPCHeaderFlags
  /// Inside batches the sub-request's opcode or its result; otherwise 0.
  public var batchCode: UInt32

  /// Bytes before the table of buffer lengths.
  public static let byteCount = 32
  /// `lm_magic` of version 2.
  public static let magic: UInt32 = 0x0BD0_0BD3

  /// A header of its fields; that of a reply has none.
  @inlinable
  public init(
    flavor: SecurityFlavor = .null, replyByteCount: UInt32 = 0, checksum: UInt32 = 0,
    flags: RPCHeaderFlags = [], batchCode: UInt32 = 0
  ) {
    self.flavor = flavor
    self.replyByteCount = replyByteCount
    self.checksum = checksum
    self.flags = flags
    self.batchCode = batchCode
  }

  /// Reads the fields of a header whose 32 bytes are there.
  @inlinable @inline(__always)
  package init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    flavor = SecurityFlavor(rawValue: bytes.field(at: offset + 4, swapped))
    replyByteCount = bytes.field(at: offset + 12, swapped)
    checksum = bytes.field(at: offset + 16, swapped)
    flags = RPCHeaderFlags(rawValue: bytes.field(at: offset + 20, swapped))
    batchCode = bytes.field(at: offset + 24, swapped)
  }

  @inlinable @inline(__always)
  package func encode(into bytes: inout MutableRawSpan, at offset: Int, bufferCount: Int) {
    bytes.storeNative(UInt32(bufferCount), at: offset)
    bytes.storeNative(flavor.rawValue, at: offset + 4)
    bytes.storeNative(Self.magic, at: offset + 8)
    bytes.storeNative(replyByteCount, at: offset + 12)
    bytes.storeNative(checksum, at: offset + 16)
    bytes.storeNative(flags.rawValue, at: offset + 20)
    bytes.storeNative(batchCode, at: offset + 24)
    bytes.storeNative(UInt32(0), at: offset + 28)
  }
}
