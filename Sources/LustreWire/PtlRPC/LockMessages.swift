/// A lock as both ends see it.
///
/// **Wire:** `struct ldlm_lock_desc`, 80 bytes (spec 10 §11.2).
public struct LockDescriptor: Hashable, Sendable, BitwiseCopyable {
  /// What it covers.
  public var type = LockType(rawValue: 0)
  /// What it is about.
  public var resource = ResourceID()
  /// The mode asked for.
  public var requestedMode = LockMode(rawValue: 0)
  /// The mode held; ``LockMode/none`` while it waits.
  public var grantedMode = LockMode(rawValue: 0)
  /// How much of the resource.
  public var policy = LockPolicy()

  /// All zero.
  @inlinable public init() {}
}

extension LockDescriptor: FixedLayout {
  public static var structure: WireStructure { .lockDescriptor }
  public static var byteCount: Int { 80 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    type.rawValue = bytes.field(at: offset, swapped)
    resource = ResourceID(at: offset + 8, in: bytes, swapped: swapped)
    requestedMode.rawValue = bytes.field(at: offset + 40, swapped)
    grantedMode.rawValue = bytes.field(at: offset + 44, swapped)
    policy = LockPolicy(at: offset + 48, in: bytes, swapped: swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(type.rawValue, at: offset)
    bytes.storeNative(UInt32(0), at: offset + 4)
    resource.encode(into: &bytes, at: offset + 8)
    bytes.storeNative(requestedMode.rawValue, at: offset + 40)
    bytes.storeNative(grantedMode.rawValue, at: offset + 44)
    policy.encode(into: &bytes, at: offset + 48)
  }
}

/// Asks for a lock, gives locks back, or calls one back: the part before the handles.
///
/// Handles follow it in the same buffer, 8 bytes each; clients always send room for two. Enqueue: the first is
/// the client's, others are locks to cancel with it. Cancel: the server's, ``count`` of them. Callbacks: first the
/// client's, then the server's.
///
/// **Wire:** `struct ldlm_request` without `lock_handle`, 88 bytes (spec 10 §11.2).
public struct LockRequest: Hashable, Sendable, BitwiseCopyable {
  /// How.
  public var flags = LockFlags(rawValue: 0)
  /// Cancel: how many handles. Enqueue: 0, or 1 and the number of locks to cancel. Callback: 0.
  public var count: UInt32 = 0
  /// The lock; in a cancel all zero.
  public var descriptor = LockDescriptor()

  /// All zero.
  @inlinable public init() {}

  /// Bytes with the two handles that every sender has room for.
  public static let commonByteCount = 104

  /// How many handles a buffer of `length` bytes has.
  @inlinable public static func handles(inBufferOf length: Int) -> Int {
    max(0, length - byteCount) / 8
  }

  /// Handle `index` of the request that fills `buffer`; ``Cookie/none`` when it is not there.
  @inlinable public static func handle(_ index: Int, in buffer: borrowing RawSpan) -> Cookie {
    guard index >= 0, index < handles(inBufferOf: buffer.byteCount) else { return .none }
    return Cookie(at: byteCount + 8 * index, in: buffer)
  }
}

extension LockRequest: FixedLayout {
  public static var structure: WireStructure { .lockRequest }
  public static var byteCount: Int { 88 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    flags.rawValue = bytes.field(at: offset, swapped)
    count = bytes.field(at: offset + 4, swapped)
    descriptor = LockDescriptor(at: offset + 8, in: bytes, swapped: swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(flags.rawValue, at: offset)
    bytes.storeNative(count, at: offset + 4)
    descriptor.encode(into: &bytes, at: offset + 8)
  }
}

/// Answers an enqueue or a convert.
///
/// **Wire:** `struct ldlm_reply`, 112 bytes (spec 10 §11.2).
public struct LockReply: Hashable, Sendable, BitwiseCopyable {
  /// The request's, and the server's own.
  public var flags = LockFlags(rawValue: 0)
  /// The lock as it is now; all zero when there is none.
  public var descriptor = LockDescriptor()
  /// The server's handle of the lock.
  public var handle = Cookie.none
  /// Intents: what was done, as bits.
  public var policyResult1: UInt64 = 0
  /// Intents: the result.
  public var policyResult2: UInt64 = 0

  /// All zero.
  @inlinable public init() {}
}

extension LockReply: FixedLayout {
  public static var structure: WireStructure { .lockReply }
  public static var byteCount: Int { 112 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    flags.rawValue = bytes.field(at: offset, swapped)
    descriptor = LockDescriptor(at: offset + 8, in: bytes, swapped: swapped)
    handle = Cookie(at: offset + 88, in: bytes, swapped: swapped)
    policyResult1 = bytes.field(at: offset + 96, swapped)
    policyResult2 = bytes.field(at: offset + 104, swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(flags.rawValue, at: offset)
    bytes.storeNative(UInt32(0), at: offset + 4)
    descriptor.encode(into: &bytes, at: offset + 8)
    handle.encode(into: &bytes, at: offset + 88)
    bytes.storeNative(policyResult1, at: offset + 96)
    bytes.storeNative(policyResult2, at: offset + 104)
  }
}

/// What an enqueue is for, beside the lock.
///
/// **Wire:** `struct ldlm_intent`, 8 bytes (spec 10 §11.2); numbers of spec 10 §16.2. Unknown bits are kept.
public struct LockIntent: OptionSet, Hashable, Sendable, BitwiseCopyable {
  /// The bits as on the wire.
  public var rawValue: UInt64

  /// Takes the bits; any value is accepted.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Opens a file.
  public static let open = LockIntent(rawValue: 0x1)
  /// Creates it when it is not there.
  public static let create = LockIntent(rawValue: 0x2)
  /// Reads attributes.
  public static let getAttributes = LockIntent(rawValue: 0x8)
  /// Looks a name up.
  public static let lookup = LockIntent(rawValue: 0x10)
  /// Reads extended attributes.
  public static let getExtendedAttributes = LockIntent(rawValue: 0x80)
  /// Reads or changes the layout.
  public static let layout = LockIntent(rawValue: 0x400)

  /// Lustre's names of the known bits.
  package static let names: [(LockIntent, StaticString)] = [
    (.open, "open"), (.create, "create"), (.getAttributes, "getattr"), (.lookup, "lookup"),
    (.getExtendedAttributes, "getxattr"), (.layout, "layout"),
  ]
}

extension LockIntent: FixedLayout {
  public static var structure: WireStructure { .lockIntent }
  public static var byteCount: Int { 8 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    self.init(rawValue: bytes.field(at: offset, swapped))
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(rawValue, at: offset)
  }
}

/// What the holder of an extent lock knows of the object.
///
/// **Wire:** `struct ost_lvb`, 56 bytes, or its first 40 without ``ConnectFlags/lvbType`` (spec 13 A.2).
public struct ObjectLockValue: Hashable, Sendable, BitwiseCopyable {
  /// Bytes.
  public var size: UInt64 = 0
  /// Seconds since 1970.
  public var modificationTime: Int64 = 0
  /// Seconds since 1970.
  public var accessTime: Int64 = 0
  /// Seconds since 1970.
  public var changeTime: Int64 = 0
  /// Blocks of 512 bytes.
  public var blocks: UInt64 = 0
  /// Nanoseconds of that second.
  public var modificationNanoseconds: UInt32 = 0
  /// Nanoseconds of that second.
  public var accessNanoseconds: UInt32 = 0
  /// Nanoseconds of that second.
  public var changeNanoseconds: UInt32 = 0

  /// All zero.
  @inlinable public init() {}

  /// Bytes of the older form, up to ``blocks``.
  public static let shortByteCount = 40
}

extension ObjectLockValue: FixedLayout {
  public static var structure: WireStructure { .objectLockValue }
  public static var byteCount: Int { 56 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    size = bytes.field(at: offset, swapped)
    modificationTime = bytes.field(at: offset + 8, swapped)
    accessTime = bytes.field(at: offset + 16, swapped)
    changeTime = bytes.field(at: offset + 24, swapped)
    blocks = bytes.field(at: offset + 32, swapped)
    modificationNanoseconds = bytes.field(at: offset + 40, swapped)
    accessNanoseconds = bytes.field(at: offset + 44, swapped)
    changeNanoseconds = bytes.field(at: offset + 48, swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(size, at: offset)
    bytes.storeNative(modificationTime, at: offset + 8)
    bytes.storeNative(accessTime, at: offset + 16)
    bytes.storeNative(changeTime, at: offset + 24)
    bytes.storeNative(blocks, at: offset + 32)
    bytes.storeNative(modificationNanoseconds, at: offset + 40)
    bytes.storeNative(accessNanoseconds, at: offset + 44)
    bytes.storeNative(changeNanoseconds, at: offset + 48)
    bytes.storeNative(UInt32(0), at: offset + 52)
  }
}

extension RPCMessageEncoder {
  /// Adds a lock request and the handles behind it.
  @inlinable
  public mutating func add<let count: Int>(
    _ request: LockRequest, handles: [count of Cookie], into bytes: inout MutableRawSpan
  ) {
    let offset = add(length: LockRequest.byteCount + 8 * count, into: &bytes)
    request.encode(into: &bytes, at: offset)
    for index in 0..<count {
      handles[index].encode(into: &bytes, at: offset + LockRequest.byteCount + 8 * index)
    }
  }
}
