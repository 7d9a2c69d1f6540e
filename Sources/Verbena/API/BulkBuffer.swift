internal import LustreWire
internal import NodeCore
internal import RDMATransport

/// Memory of a node that peers may write and read when it is exposed, and that transfers use in place.
///
/// It has one owner at a time: a transfer consumes it and gives it back with its result. When the wire is
/// not done with it at a transfer's deadline, the transfer still waits for that: the memory is never
/// lent twice. A buffer that is dropped goes back to its node. Thread rule: any.
public struct BulkBuffer: ~Copyable, Sendable {
  let ref: BufferRef
  let address: UInt
  private let home: Inbox
  /// Whether the memory goes back with this value.
  private var isOwner = true

  init(ref: BufferRef, address: UInt, home: Inbox) {
    self.ref = ref
    self.address = address
    self.home = home
  }

  deinit {
    guard isOwner else { return }
    let ref = self.ref
    home.send(isBounded: false) { node, operations in
      node.turn.memory.release(ref)
      operations.lentBufferCount -= 1
    }
  }

  /// Why a node cannot use so many of the first bytes: it is another node's memory, or has not so many. Nil when it can.
  func refusal(_ operation: String, _ count: Int? = nil, by inbox: Inbox) -> NodeError? {
    if home !== inbox {
      return NodeError(
        code: .configuration, operation: operation, errno: 22,
        explanation: "the buffer is another node's (EINVAL): allocate it from the node that uses it"
      )
    }
    guard let count, !(0...byteCount).contains(count) else { return nil }
    return NodeError(
      code: .configuration, operation: operation, errno: 22,
      explanation: "\(count) bytes of a buffer of \(byteCount) (EINVAL): allocate a larger one")
  }

  /// Parts with the memory: somebody else sees to its return.
  consuming func handOver() { isOwner = false }

  /// Bytes: what was asked for.
  public var byteCount: Int { Int(ref.length) }

  /// The bytes, for reading.
  public var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      // SAFETY: the node keeps its memory mapped until every buffer has come back to it, else for ever.
      let span = unsafe RawSpan(_unsafeStart: pointer, byteCount: byteCount)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// The bytes, for writing.
  public var mutableBytes: MutableRawSpan {
    @_lifetime(&self)
    mutating get {
      // SAFETY: as above; nobody else holds the buffer while it is here.
      let span = unsafe MutableRawSpan(_unsafeStart: pointer, byteCount: byteCount)
      return unsafe _overrideLifetime(span, mutating: &self)
    }
  }

  /// Copies bytes into the buffer, from `offset` on; traps when they do not fit.
  public mutating func store(_ source: some Collection<UInt8>, at offset: Int = 0) {
    let count = source.count
    precondition(offset >= 0 && count <= byteCount - offset, "more bytes than the buffer has")
    var sink = mutableBytes
    let isCopied: Void? = source.withContiguousStorageIfAvailable { elements in
      // SAFETY: the elements stay where they are until this closure returns, and are bytes.
      sink.copy(from: unsafe RawSpan(_unsafeElements: elements), at: offset)
    }
    if isCopied != nil { return }
    for (place, byte) in source.enumerated() { sink.storeNative(byte, at: offset + place) }
  }

  /// A copy of the first bytes; traps when there are not so many.
  public func prefix(_ count: Int) -> [UInt8] {
    precondition(count >= 0 && count <= byteCount, "more bytes than the buffer has")
    var copy = [UInt8](repeating: 0, count: count)
    let source = bytes.extracting(first: count)
    copy.withMutableRawSpan { $0.copy(from: source) }
    return copy
  }

  private var pointer: UnsafeMutableRawPointer {
    guard let pointer = unsafe UnsafeMutableRawPointer(bitPattern: address) else {
      preconditionFailure("a buffer at address 0")
    }
    return unsafe pointer
  }
}

/// Bulk memory that somebody outside the loop holds.
struct LentMemory: Sendable {
  var ref: BufferRef
  var address: UInt
}
