/// The memory of one node: message pieces that no peer can reach, and bulk memory that peers may write.
public struct NodeMemory: ~Copyable {
  /// Pieces of 4096 bytes for messages.
  public var messages: Arena
  /// Runs of pieces for bulk data.
  public var bulk: Arena

  /// - Parameters:
  ///   - messages: registered for local writing only.
  ///   - bulk: registered for remote writing too.
  public init(messages: consuming Arena, bulk: consuming Arena) {
    precondition(!messages.isBulk && bulk.isBulk)
    self.messages = messages
    self.bulk = bulk
  }

  /// The bytes, for reading; of whichever arena the reference names.
  @inlinable
  @inline(__always)
  @_lifetime(borrow self)
  public func bytes(_ ref: BufferRef) -> RawSpan {
    // Written out: a span cannot leave a conditional expression.
    if ref.isBulk { return bulk.bytes(ref) }
    return messages.bytes(ref)
  }

  /// The bytes, for writing.
  @inlinable
  @inline(__always)
  @_lifetime(&self)
  public mutating func mutableBytes(_ ref: BufferRef) -> MutableRawSpan {
    if ref.isBulk { return bulk.mutableBytes(ref) }
    return messages.mutableBytes(ref)
  }

  /// The address of the first byte in this process.
  @inlinable
  @inline(__always)
  public func address(_ ref: BufferRef) -> UInt64 {
    ref.isBulk ? bulk.address(ref) : messages.address(ref)
  }

  /// Names the bytes for a work request.
  @inlinable
  @inline(__always)
  public func segment(_ ref: BufferRef) -> Segment {
    ref.isBulk ? bulk.segment(ref) : messages.segment(ref)
  }

  /// Gives the piece or the run back.
  @inlinable
  @inline(__always)
  public mutating func release(_ ref: BufferRef) {
    if ref.isBulk { bulk.release(ref) } else { messages.release(ref) }
  }

  /// Copies the bytes of one piece into another; as many as both have.
  @inlinable
  @inline(__always)
  public mutating func copy(from source: BufferRef, to sink: BufferRef) {
    let count = Int(min(source.length, sink.length))
    guard count > 0 else { return }
    let from = UInt(address(source))
    let to = UInt(address(sink))
    // SAFETY: `address` checks both parts; they are of different pieces, or the copy handles overlap.
    if let from = unsafe UnsafeRawPointer(bitPattern: from),
      let to = unsafe UnsafeMutableRawPointer(bitPattern: to)
    {
      unsafe to.copyMemory(from: from, byteCount: count)
    }
  }
}
