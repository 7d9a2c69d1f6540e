/// The body of PUT_REQ after its LNet header.
///
/// **Wire:** `struct kib_putreq_msg` (spec 02 §3.3). Cookies are opaque and never swapped.
package struct O2IBPutRequest: Hashable, Sendable, BitwiseCopyable {
  /// The source's name for the transfer, echoed in PUT_ACK or PUT_NAK.
  package var cookie: UInt64

  /// The whole message, in bytes.
  @inlinable package static var messageByteCount: UInt32 { 128 }

  /// A body with this cookie.
  @inlinable package init(cookie: UInt64) { self.cookie = cookie }

  @inlinable
  package init(in bytes: borrowing RawSpan) {
    cookie = bytes.native(UInt64.self, at: 120)
  }

  /// Writes the cookie into a message that starts at `offset`.
  @inlinable
  package func encode(into bytes: inout MutableRawSpan, at offset: Int = 0) {
    bytes.storeNative(cookie, at: offset + 120)
  }
}

/// The body of PUT_ACK.
///
/// **Wire:** `struct kib_putack_msg` (spec 02 §3.3).
package struct O2IBPutAcknowledge: Hashable, Sendable, BitwiseCopyable {
  /// The PUT_REQ's cookie, echoed.
  package var sourceCookie: UInt64
  /// The sink's name for the transfer, to be echoed in PUT_DONE.
  package var sinkCookie: UInt64
  /// The sink's memory.
  package var descriptor: RDMADescriptor

  /// Bytes of a message with `fragments` fragments.
  @inlinable package static func messageByteCount(fragments: Int) -> UInt32 {
    UInt32(72 + fragments * RDMAFragment.wireByteCount)
  }

  /// Where the first fragment starts, in bytes from the start of the message.
  @inlinable package static var fragmentsOffset: Int { 72 }

  @inlinable
  package init(in bytes: borrowing RawSpan, limit: UInt32, swapped: Bool) throws(WireError) {
    sourceCookie = bytes.native(UInt64.self, at: 48)
    sinkCookie = bytes.native(UInt64.self, at: 56)
    descriptor = try RDMADescriptor(at: 64, in: bytes, limit: limit, swapped: swapped)
  }

  /// Writes all but the fragments into a message that starts at `offset`.
  @inlinable
  package static func encode(
    sourceCookie: UInt64, sinkCookie: UInt64, remoteKey: UInt32, fragmentCount: Int,
    into bytes: inout MutableRawSpan, at offset: Int = 0
  ) {
    bytes.storeNative(sourceCookie, at: offset + 48)
    bytes.storeNative(sinkCookie, at: offset + 56)
    RDMADescriptor.encodeHead(
      remoteKey: remoteKey, fragmentCount: fragmentCount, into: &bytes, at: offset + 64)
  }
}

/// The body of GET_REQ after its LNet header.
///
/// **Wire:** `struct kib_get_msg` (spec 02 §3.3).
package struct O2IBGetRequest: Hashable, Sendable, BitwiseCopyable {
  /// The sink's name for the transfer, echoed in GET_DONE.
  package var cookie: UInt64
  /// The memory that the data is to be written into.
  package var descriptor: RDMADescriptor

  /// Bytes of a message with `fragments` fragments.
  @inlinable package static func messageByteCount(fragments: Int) -> UInt32 {
    UInt32(136 + fragments * RDMAFragment.wireByteCount)
  }

  /// Where the first fragment starts, in bytes from the start of the message.
  @inlinable package static var fragmentsOffset: Int { 136 }

  @inlinable
  package init(in bytes: borrowing RawSpan, limit: UInt32, swapped: Bool) throws(WireError) {
    cookie = bytes.native(UInt64.self, at: 120)
    descriptor = try RDMADescriptor(at: 128, in: bytes, limit: limit, swapped: swapped)
  }

  /// Writes all but LNet header and fragments into a message that starts at `offset`.
  @inlinable
  package static func encode(
    cookie: UInt64, remoteKey: UInt32, fragmentCount: Int, into bytes: inout MutableRawSpan,
    at offset: Int = 0
  ) {
    bytes.storeNative(cookie, at: offset + 120)
    RDMADescriptor.encodeHead(
      remoteKey: remoteKey, fragmentCount: fragmentCount, into: &bytes, at: offset + 128)
  }
}

/// The body of PUT_NAK, PUT_DONE and GET_DONE.
///
/// **Wire:** `struct kib_completion_msg` (spec 02 §3.3).
package struct O2IBCompletion: Hashable, Sendable, BitwiseCopyable {
  /// Whose transfer is over: the cookie of the message that this one answers.
  package var cookie: UInt64
  /// Bytes transferred, or a negative errno.
  package var status: Int32

  /// The whole message, in bytes.
  @inlinable package static var messageByteCount: UInt32 { 60 }

  /// A completion of its fields.
  @inlinable package init(cookie: UInt64, status: Int32) {
    self.cookie = cookie
    self.status = status
  }

  @inlinable
  package init(in bytes: borrowing RawSpan, swapped: Bool) {
    cookie = bytes.native(UInt64.self, at: 48)
    status = bytes.native(Int32.self, at: 56, swapped: swapped)
  }

  /// Writes the body into a message that starts at `offset`.
  @inlinable
  package func encode(into bytes: inout MutableRawSpan, at offset: Int = 0) {
    bytes.storeNative(cookie, at: offset + 48)
    bytes.storeNative(status, at: offset + 56)
  }
}
