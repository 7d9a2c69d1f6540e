/// What a lock is about: four numbers, meaningful to the target that has the lock.
///
/// **Wire:** `lr_name`, 32 bytes (spec 10 §11.2).
public struct ResourceID: Hashable, Sendable, BitwiseCopyable {
  /// The first number.
  public var first: UInt64 = 0
  /// The second number.
  public var second: UInt64 = 0
  /// The third number.
  public var third: UInt64 = 0
  /// The fourth number.
  public var fourth: UInt64 = 0

  /// All zero.
  @inlinable public init() {}

  /// The resource of its numbers.
  @inlinable
  public init(_ first: UInt64, _ second: UInt64 = 0, _ third: UInt64 = 0, _ fourth: UInt64 = 0) {
    self.first = first
    self.second = second
    self.third = third
    self.fourth = fourth
  }

  /// The resource of a file or of an object that has a FID (spec 13 A.1).
  @inlinable public init(_ fid: FID) {
    self.init(fid.sequence, UInt64(fid.version) << 32 | UInt64(fid.objectID))
  }

  /// The resource of a configuration lock: the first 8 bytes of the name, and what is locked
  /// (spec 11 §11). Longer names are cut.
  public init(configuration name: String, kind: ConfigurationLock) {
    var word: UInt64 = 0
    for (index, byte) in name.utf8.prefix(8).enumerated() {
      word |= UInt64(byte) << UInt64(8 * index)
    }
    self.init(word, kind.number)
  }

  /// The name of a configuration lock's resource, or nil when it is none of ASCII.
  public var configurationName: String? {
    var bytes: [UInt8] = []
    for shift in stride(from: 0, to: 64, by: 8) {
      let byte = UInt8(truncatingIfNeeded: first >> UInt64(shift))
      if byte == 0 { break }
      guard byte > 0x20, byte < 0x7F else { return nil }
      bytes.append(byte)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// What a configuration lock guards at the management server.
///
/// **Wire:** `mgs_config_body.mcb_type` and the second number of the lock's resource (spec 11 §11).
public enum ConfigurationLock: UInt16, Hashable, Sendable, BitwiseCopyable, CaseIterable {
  /// A configuration log.
  case configuration = 0
  /// Security rules; its lock is that of the configuration.
  case security = 1
  /// The table of NIDs for imperative recovery.
  case recovery = 2
  /// The log `params`.
  case parameters = 3
  /// The node map.
  case nodeMap = 4
  /// Write barriers.
  case barrier = 5

  /// The second number of the lock's resource.
  @inlinable public var number: UInt64 { self == .security ? 0 : UInt64(rawValue) }
}

extension ResourceID: FixedLayout {
  public static var structure: WireStructure { .resourceID }
  public static var byteCount: Int { 32 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    first = bytes.field(at: offset, swapped)
    second = bytes.field(at: offset + 8, swapped)
    third = bytes.field(at: offset + 16, swapped)
    fourth = bytes.field(at: offset + 24, swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(first, at: offset)
    bytes.storeNative(second, at: offset + 8)
    bytes.storeNative(third, at: offset + 16)
    bytes.storeNative(fourth, at: offset + 24)
  }
}

extension ResourceID: CustomStringConvertible {
  /// `[0x…:0x…:0x…].0x…`, as the real tools print it.
  public var description: String {
    let numbers = [first, second, third, fourth].map { "0x" + String($0, radix: 16) }
    return "[\(numbers[0]):\(numbers[1]):\(numbers[2])].\(numbers[3])"
  }
}
