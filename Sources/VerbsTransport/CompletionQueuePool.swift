#if Verbs
internal import CLinuxShims
internal import CRDMA
internal import CRDMAShims
internal import Synchronization

/// Completion queues with their channels, kept for the next transport of a device: making one of 4096 entries
/// takes milliseconds.
// The list has its lock; a kit belongs to one transport at a time.
@safe
final class CompletionQueuePool: @unchecked Sendable {
  /// Kits kept; more are destroyed.
  private static let kitCountMax = 8

  /// A completion channel, and the completion queues that report on it.
  @safe
  struct Kit: @unchecked Sendable {
    var channel: UnsafeMutablePointer<ibv_comp_channel>
    var queues: [Queue]
    /// Entries of each queue.
    var entries: Int

    // SAFETY: the channel is alive until `destroy`.
    var descriptor: Int32 { unsafe channel.pointee.fd }

    /// Nothing may use it any more, and all its events have been acknowledged.
    func destroy() {
      for queue in queues { unsafe _ = ibv_destroy_cq(queue.raw) }
      // SAFETY: its queues are gone.
      unsafe _ = ibv_destroy_comp_channel(channel)
    }
  }

  @safe
  struct Queue: @unchecked Sendable {
    var raw: UnsafeMutablePointer<ibv_cq>
    // SAFETY: only turned into a number.
    var address: UInt { unsafe UInt(bitPattern: raw) }
  }

  private let kits = Mutex<[Kit]>([])

  /// A kit with one queue at least.
  func take(_ context: UnsafeMutablePointer<ibv_context>, entries: Int) throws(CallFailure) -> Kit {
    let kept = kits.withLock { kits -> Kit? in
      guard let index = kits.firstIndex(where: { $0.entries == entries }) else { return nil }
      return kits.remove(at: index)
    }
    if let kept { return kept }
    // SAFETY: the caller uses the device, so its context lives; the channel is destroyed with its kit.
    let channel = try unsafe CallFailure.checkPointer(
      "ibv_create_comp_channel", ibv_create_comp_channel(context))
    var kit = unsafe Kit(channel: channel, queues: [], entries: entries)
    do throws(CallFailure) {
      try CallFailure.checkMinusOne("fcntl", crdma_set_nonblocking(kit.descriptor))
      try unsafe kit.queues.append(Self.queue(of: kit, context))
    } catch {
      kit.destroy()
      throw error
    }
    return kit
  }

  /// One more queue for a kit.
  static func queue(of kit: Kit, _ context: UnsafeMutablePointer<ibv_context>)
    throws(CallFailure) -> Queue
  {
    // SAFETY: the channel outlives its queues, by `destroy`.
    unsafe Queue(
      raw: try CallFailure.checkPointer(
        "ibv_create_cq", ibv_create_cq(context, Int32(kit.entries), nil, kit.channel, 0)))
  }

  /// Takes a kit back: empty, without queue pairs, its events acknowledged.
  func give(_ kit: Kit) {
    let isKept = kits.withLock { kits -> Bool in
      guard kits.count < Self.kitCountMax else { return false }
      kits.append(kit)
      return true
    }
    if !isKept { kit.destroy() }
  }

  /// Gives all of them back to the device.
  func destroy() {
    let all = kits.withLock { kits -> [Kit] in
      let all = kits
      kits.removeAll()
      return all
    }
    for kit in all { kit.destroy() }
  }
}
#endif
