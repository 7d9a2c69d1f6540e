/// The memory of one node: message pieces that no peer can reach, and bulk memory that peers may write.
public struct NodeMemory: ~Copyable {
  public var messages: Arena
  public var bulk: Arena

  /// - Parameters:
  ///   - messages: registered for local writing only.
  ///   - bulk: registered for remote writing too.
  public init(messages: consuming Arena, bulk: consuming Arena) {
    precondition(!messages.isBulk && bulk.isBulk)
    self.messages = messages
    self.bulk = bulk
  }

  @inlinable
  @inline(__always)
  @_lifetime(borrow self)
  public func bytes(_ ref: BufferRef) -> RawSpan {
    // Written out: a span cannot leave a conditional expression.
    if ref.isBulk { return bulk.bytes(ref) }
    return messages.bytes(ref)
  }

  @inlinable
  @inline(__always)
  @_lifetime(&self)
  public mutating func mutableBytes(_ ref: BufferRef) -> MutableRawSpan {
    if ref.isBulk { return bulk.mutableBytes(ref) }
    return messages.mutableBytes(ref)
  }

  @inlinable
  @inline(__always)
  public func address(_ ref: BufferRef) -> UInt64 {
    ref.isBulk ? bulk.address(ref) : messages.address(ref)
  }

  @inlinable
  @inline(__always)
  public func segment(_ ref: BufferRef) -> Segment {
    ref.isBulk ? bulk.segment(ref) : messages.segment(ref)
  }

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
