/// What a configuration record does.
///
/// **Wire:** `lcfg_command` (spec 11 §12.1). Other numbers are kept.
public struct ConfigCommand: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The number as on the wire.
  public var rawValue: UInt32

  /// Takes the number; any value is accepted.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// `ATTACH`: makes a device.
  public static let attach = ConfigCommand(rawValue: 0xCF001)
  /// `DETACH`: removes a device.
  public static let detach = ConfigCommand(rawValue: 0xCF002)
  /// `SETUP`: sets a device up.
  public static let setup = ConfigCommand(rawValue: 0xCF003)
  /// `CLEANUP`: takes a device down.
  public static let cleanup = ConfigCommand(rawValue: 0xCF004)
  /// `ADD_UUID`: gives a node a NID.
  public static let addUUID = ConfigCommand(rawValue: 0xCF005)
  /// `DEL_UUID`: takes a node its NIDs.
  public static let deleteUUID = ConfigCommand(rawValue: 0xCF006)
  /// `MOUNTOPT`: the profile of a mount.
  public static let mountOption = ConfigCommand(rawValue: 0xCF007)
  /// `DEL_MOUNTOPT`: removes a profile.
  public static let deleteMountOption = ConfigCommand(rawValue: 0xCF008)
  /// `SET_TIMEOUT`: the timeout of all requests.
  public static let setTimeout = ConfigCommand(rawValue: 0xCF009)
  /// `ADD_CONN`: gives a device another node.
  public static let addConnection = ConfigCommand(rawValue: 0xCF00B)
  /// `DEL_CONN`: takes a device a node.
  public static let deleteConnection = ConfigCommand(rawValue: 0xCF00C)
  /// `LOV_ADD_OBD`: adds an object target.
  public static let addObjectTarget = ConfigCommand(rawValue: 0xCF00D)
  /// `LOV_DEL_OBD`: removes an object target.
  public static let deleteObjectTarget = ConfigCommand(rawValue: 0xCF00E)
  /// `LOV_ADD_INA`: adds an object target that is not in use.
  public static let addInactiveObjectTarget = ConfigCommand(rawValue: 0xCE013)
  /// `PARAM`: sets a parameter of a device.
  public static let parameter = ConfigCommand(rawValue: 0xCF00F)
  /// `MARKER`: begins or ends a section.
  public static let marker = ConfigCommand(rawValue: 0xCF010)
  /// `ADD_MDC`: adds a metadata target.
  public static let addMetadataTarget = ConfigCommand(rawValue: 0xCF014)
  /// `SPTLRPC_CONF`: security rules.
  public static let securityRules = ConfigCommand(rawValue: 0xCE016)
  /// `POOL_NEW`: makes a pool.
  public static let poolNew = ConfigCommand(rawValue: 0xCE020)
  /// `POOL_ADD`: adds a target to a pool.
  public static let poolAdd = ConfigCommand(rawValue: 0xCE021)
  /// `POOL_REM`: takes a target out of a pool.
  public static let poolRemove = ConfigCommand(rawValue: 0xCE022)
  /// `POOL_DEL`: removes a pool.
  public static let poolDelete = ConfigCommand(rawValue: 0xCE023)
  /// `SET_PARAM`: sets a parameter of all nodes.
  public static let setParameter = ConfigCommand(rawValue: 0xCE032)

  /// True when a mount must fail on a record that it cannot carry out; others are only logged.
  @inlinable public var isRequired: Bool { rawValue & 0x1000 != 0 }

  /// Lustre's name, or nil for a number without one.
  public var name: StaticString? {
    switch rawValue {
    case 0xCF001: "ATTACH"
    case 0xCF002: "DETACH"
    case 0xCF003: "SETUP"
    case 0xCF004: "CLEANUP"
    case 0xCF005: "ADD_UUID"
    case 0xCF006: "DEL_UUID"
    case 0xCF007: "MOUNTOPT"
    case 0xCF008: "DEL_MOUNTOPT"
    case 0xCF009: "SET_TIMEOUT"
    case 0xCF00B: "ADD_CONN"
    case 0xCF00C: "DEL_CONN"
    case 0xCF00D: "LOV_ADD_OBD"
    case 0xCF00E: "LOV_DEL_OBD"
    case 0xCE013: "LOV_ADD_INA"
    case 0xCF00F: "PARAM"
    case 0xCF010: "MARKER"
    case 0xCF014: "ADD_MDC"
    case 0xCE016: "SPTLRPC_CONF"
    case 0xCE020: "POOL_NEW"
    case 0xCE021: "POOL_ADD"
    case 0xCE022: "POOL_REM"
    case 0xCE023: "POOL_DEL"
    case 0xCE032: "SET_PARAM"
    default: nil
    }
  }
}

/// One step of a configuration, as the content of a log's record.
///
/// Holds no bytes; its texts and structures are read from the bytes it was decoded from.
///
/// **Wire:** `struct lustre_cfg` (spec 11 §12.1): 32 bytes, a table of lengths, and buffers padded to 8 bytes.
public struct ConfigRecord: Hashable, Sendable, BitwiseCopyable {
  /// What to do.
  public var command: ConfigCommand
  /// A number, for the few commands that have one.
  public var number: UInt32
  /// 0.
  public var flags: UInt32
  /// The NID of ``ConfigCommand/addUUID``; 0 otherwise, and when it comes as a text.
  public var nid: NID
  /// How many buffers there are, 0...7.
  public var bufferCount: Int
  /// Bytes of the record, padding included.
  public var byteCount: Int
  /// Where it begins in the bytes it was decoded from.
  public var offset: Int
  /// Whether the writer's byte order is not ours.
  public var swapped: Bool

  /// `lcfg_version`.
  public static let version: UInt32 = 0x1CF6_0001
  /// Bytes before the table of lengths.
  public static let headByteCount = 32
  /// The most buffers of a record.
  public static let maximumBuffers = 7

  /// Reads the record that fills `range` of a log. Throws `truncated`, `badMagic` or `bufferCount`.
  public init(decoding bytes: borrowing RawSpan, in range: Range<Int>) throws(WireError) {
    let available = min(range.upperBound, bytes.byteCount) - range.lowerBound
    guard available >= Self.headByteCount else {
      throw .truncated(
        .configRecord, needed: UInt32(Self.headByteCount), available: UInt32(clamping: available))
    }
    offset = range.lowerBound
    let magic = bytes.native(UInt32.self, at: offset)
    let swap = magic != Self.version
    guard !swap || magic.byteSwapped == Self.version else {
      throw .badMagic(.configRecord, found: magic)
    }
    swapped = swap
    command = ConfigCommand(rawValue: bytes.field(at: offset + 4, swap))
    number = bytes.field(at: offset + 8, swap)
    flags = bytes.field(at: offset + 12, swap)
    nid = NID(rawValue: bytes.field(at: offset + 16, swap))
    let count: UInt32 = bytes.field(at: offset + 28, swap)
    guard count <= UInt32(Self.maximumBuffers) else { throw .bufferCount(count) }
    bufferCount = Int(count)
    var end = RPCMessage.padded(Self.headByteCount + 4 * bufferCount)
    guard end <= available else {
      throw .truncated(.configRecord, needed: UInt32(end), available: UInt32(available))
    }
    for index in 0..<bufferCount {
      let length: UInt32 = bytes.field(at: offset + Self.headByteCount + 4 * index, swap)
      guard Int(length) <= available else {
        throw .bufferTooLong(index: UInt8(index), length: length)
      }
      end += RPCMessage.padded(Int(length))
    }
    guard end <= available else {
      throw .truncated(.configRecord, needed: UInt32(end), available: UInt32(available))
    }
    byteCount = end
  }

  /// Where the content of buffer `index` lies; empty for one that is not there.
  public func range(of index: Int, in bytes: borrowing RawSpan) -> Range<Int> {
    var start = offset + RPCMessage.padded(Self.headByteCount + 4 * bufferCount)
    guard index >= 0, index < bufferCount else { return start..<start }
    for before in 0..<index { start += RPCMessage.padded(length(of: before, in: bytes)) }
    return start..<start + length(of: index, in: bytes)
  }

  /// The text of buffer `index` up to its NUL; nil when the buffer is absent, empty or has none.
  public func text(_ index: Int, in bytes: borrowing RawSpan) -> String? {
    let range = range(of: index, in: bytes)
    var text: [UInt8] = []
    for place in range {
      let byte = bytes.byte(at: place)
      if byte == 0 { return String(decoding: text, as: UTF8.self) }
      text.append(byte)
    }
    return nil
  }

  private func length(of index: Int, in bytes: borrowing RawSpan) -> Int {
    let length: UInt32 = bytes.field(at: offset + Self.headByteCount + 4 * index, swapped)
    return Int(length)
  }

  /// The bytes of a record. A text's buffer ends in a NUL that `buffers` has to contain; see
  /// ``buffer(_:)``.
  public static func encode(
    _ command: ConfigCommand, number: UInt32 = 0, nid: NID = NID(rawValue: 0),
    buffers: [[UInt8]]
  ) -> [UInt8] {
    precondition(buffers.count <= maximumBuffers)
    var end = RPCMessage.padded(headByteCount + 4 * buffers.count)
    let total = buffers.reduce(end) { $0 + RPCMessage.padded($1.count) }
    var result = [UInt8](repeating: 0, count: total)
    result.withMutableRawSpan { bytes in
      bytes.storeNative(version, at: 0)
      bytes.storeNative(command.rawValue, at: 4)
      bytes.storeNative(number, at: 8)
      bytes.storeNative(nid.rawValue, at: 16)
      bytes.storeNative(UInt32(buffers.count), at: 28)
      for (index, buffer) in buffers.enumerated() {
        bytes.storeNative(UInt32(buffer.count), at: headByteCount + 4 * index)
        for (place, byte) in buffer.enumerated() { bytes.storeNative(byte, at: end + place) }
        end += RPCMessage.padded(buffer.count)
      }
    }
    return result
  }

  /// A text as a buffer, with its NUL.
  public static func buffer(_ text: String) -> [UInt8] { Array(text.utf8) + [0] }

  /// A structure as a buffer.
  public static func buffer(_ value: some FixedLayout) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: type(of: value).byteCount)
    result.withMutableRawSpan { value.encode(into: &$0, at: 0) }
    return result
  }
}
