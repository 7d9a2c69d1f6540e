/// The driver part of a network identifier: which kind of network an address belongs to.
///
/// **Wire:** bits 55..48 of a NID; numbers of `nidstr.h` (spec 01 §1.2). Numbers that are not listed here are kept.
public struct LNDType: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The number as on the wire.
  public var rawValue: UInt8

  /// Names the driver with this number; any value is accepted.
  @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// TCP sockets; address is IPv4.
  @inlinable public static var tcp: LNDType { LNDType(rawValue: 2) }
  /// RDMA over InfiniBand or RoCE; address is IPv4.
  @inlinable public static var o2ib: LNDType { LNDType(rawValue: 5) }
  /// Loopback; the address is 0 and there is no network number.
  @inlinable public static var loopback: LNDType { LNDType(rawValue: 9) }
  /// Cray Gemini; address is a number.
  @inlinable public static var gni: LNDType { LNDType(rawValue: 13) }
  /// Cray Gemini with IPv4 addresses.
  @inlinable public static var gnip: LNDType { LNDType(rawValue: 14) }
  /// Portals 4; address is a number.
  @inlinable public static var portals4: LNDType { LNDType(rawValue: 15) }
  /// Kernel fabric interface; address is a number.
  @inlinable public static var kfi: LNDType { LNDType(rawValue: 16) }
  /// Elastic fabric adapter; address is IPv4.
  @inlinable public static var efa: LNDType { LNDType(rawValue: 18) }
  /// BXI 3; address is a number.
  @inlinable public static var bxi3: LNDType { LNDType(rawValue: 19) }

  /// The name in text forms, or nil for a number without one.
  public var name: StaticString? {
    switch self {
    case .tcp: "tcp"
    case .o2ib: "o2ib"
    case .loopback: "lo"
    case .gni: "gni"
    case .gnip: "gip"
    case .portals4: "ptlf"
    case .kfi: "kfi"
    case .efa: "efa"
    case .bxi3: "bxi3f"
    default: nil
    }
  }

  /// True when addresses of this driver are written as dotted IPv4.
  package var hasIPv4Addresses: Bool {
    switch self {
    case .tcp, .o2ib, .gnip, .efa: true
    default: false
    }
  }

  /// All drivers with a name; `tcp` is what a text without `@` means.
  package static let named: [LNDType] = [
    .tcp, .o2ib, .loopback, .gni, .gnip, .portals4, .kfi, .efa, .bxi3,
  ]
}

/// The identifier of one network: driver and network number, the `o2ib1` of a NID.
///
/// **Wire:** the upper 32 bits of a NID (spec 01 §1.1).
public struct NetID: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// Driver number times 65536 plus network number.
  public var rawValue: UInt32

  /// The network with this number; any value is accepted.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The network `number` (0...65535) of driver `type`.
  @inlinable public init(_ type: LNDType, number: UInt16 = 0) {
    rawValue = UInt32(type.rawValue) << 16 | UInt32(number)
  }

  /// The wildcard network.
  @inlinable public static var any: NetID { NetID(rawValue: 0xFFFF_FFFF) }
  /// The loopback network.
  @inlinable public static var loopback: NetID { NetID(.loopback) }

  /// The driver.
  @inlinable public var lndType: LNDType {
    LNDType(rawValue: UInt8(truncatingIfNeeded: rawValue >> 16))
  }
  /// The network number.
  @inlinable public var number: UInt16 { UInt16(truncatingIfNeeded: rawValue) }
}

/// A network identifier: the address of one interface of a node, such as `192.168.50.10@o2ib`.
///
/// **Wire:** `lnet_nid_t`, a 64-bit integer: bits 55..48 driver, 47..32 network number, 31..0 address
/// (spec 01 §1.1). Any 64-bit value can be held; ``isLegal`` tells whether it could name a node.
public struct NID: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The identifier as the integer that the wire carries.
  public var rawValue: UInt64

  /// Takes the identifier from the wire; any value is accepted.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The interface with `address` on `net`.
  @inlinable public init(net: NetID, address: UInt32) {
    rawValue = UInt64(net.rawValue) << 32 | UInt64(address)
  }

  /// The RDMA interface with an IPv4 address, `192.168.50.10` being `0xC0A8320A`, on network `o2ib<number>`.
  @inlinable public static func o2ib(_ address: UInt32, number: UInt16 = 0) -> NID {
    NID(net: NetID(.o2ib, number: number), address: address)
  }

  /// The TCP interface with an IPv4 address on network `tcp<number>`.
  @inlinable public static func tcp(_ address: UInt32, number: UInt16 = 0) -> NID {
    NID(net: NetID(.tcp, number: number), address: address)
  }

  /// The wildcard; prints as `<?>`.
  @inlinable public static var any: NID { NID(rawValue: .max) }
  /// A node's own loopback interface, `0@lo`.
  @inlinable public static var loopback: NID { NID(rawValue: 0x0009_0000_0000_0000) }

  /// The network: driver and network number.
  @inlinable public var net: NetID { NetID(rawValue: UInt32(truncatingIfNeeded: rawValue >> 32)) }
  /// The driver.
  @inlinable public var lndType: LNDType { net.lndType }
  /// The network number.
  @inlinable public var netNumber: UInt16 { net.number }
  /// The address within the network; for tcp and o2ib the IPv4 address with its first octet on top.
  @inlinable public var address: UInt32 { UInt32(truncatingIfNeeded: rawValue) }
  /// False for the wildcard and for values whose top byte, which no NID uses, is set.
  @inlinable public var isLegal: Bool { rawValue >> 56 == 0 }
}

extension NID: Comparable {
  /// Orders NIDs as the integers that the wire carries.
  @inlinable public static func < (lhs: NID, rhs: NID) -> Bool { lhs.rawValue < rhs.rawValue }
}
