#if Verbs
internal import CRDMA

/// The arrays that one call of verbs reads or fills: made once for a transport.
// Only the transport's loop touches them.
@safe
struct RequestBuffers {
  let sends: UnsafeMutablePointer<ibv_send_wr>
  let receives: UnsafeMutablePointer<ibv_recv_wr>
  /// Two for each send or one for each receive.
  let segments: UnsafeMutablePointer<ibv_sge>
  let completions: UnsafeMutablePointer<ibv_wc>

  init() {
    let count = Limits.batchCount
    // SAFETY: given back by `free`, the last thing that the transport does with them. Each request is linked
    // to the next and to its own segments here, once; a post cuts the chain behind its last one.
    unsafe sends = UnsafeMutablePointer.allocate(capacity: count)
    unsafe receives = UnsafeMutablePointer.allocate(capacity: count)
    unsafe segments = UnsafeMutablePointer.allocate(capacity: 2 * count)
    unsafe completions = UnsafeMutablePointer.allocate(capacity: count)
    unsafe segments.initialize(repeating: ibv_sge(), count: 2 * count)
    unsafe completions.initialize(repeating: ibv_wc(), count: count)
    for index in 0..<count {
      var send = unsafe ibv_send_wr()
      unsafe send.next = sends + (index + 1)
      unsafe send.sg_list = segments + 2 * index
      unsafe (sends + index).initialize(to: send)
      var receive = unsafe ibv_recv_wr()
      unsafe receive.next = receives + (index + 1)
      unsafe receive.sg_list = segments + 2 * index
      unsafe receive.num_sge = 1
      unsafe (receives + index).initialize(to: receive)
    }
  }

  func free() {
    // SAFETY: the transport forgets them here.
    unsafe sends.deallocate()
    unsafe receives.deallocate()
    unsafe segments.deallocate()
    unsafe completions.deallocate()
  }
}
#endif
