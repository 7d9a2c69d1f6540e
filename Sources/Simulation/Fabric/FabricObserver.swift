package import RDMATransport

/// Who watches the wire: checkers that know the protocol and not its implementation.
///
/// A post is seen when it is posted, a delivery when its bytes are in place and before its completion is made.
package protocol FabricObserver: AnyObject {
  func posted(receive: ReceiveRequest, on queuePair: SimulatedQueuePair)
  func posted(send: SendRequest, bytes: [UInt8], on queuePair: SimulatedQueuePair)
  func completed(receive: ReceiveRequest, on queuePair: SimulatedQueuePair)
  func completed(send: SendRequest, on queuePair: SimulatedQueuePair)
  /// A SEND took a receive of `queuePair`.
  func delivered(bytes: [UInt8], on queuePair: SimulatedQueuePair)
  /// A SEND found no receive, and not because the fabric pretended so.
  func receiverWasNotReady(_ queuePair: SimulatedQueuePair)
  /// The bytes of a posted SEND were others when it was sent than when it was posted.
  func changedWhilePosted(_ request: SendRequest, on queuePair: SimulatedQueuePair)
  /// A WRITE arrived in the memory of `queuePair`'s node.
  func written(byteCount: Int, on queuePair: SimulatedQueuePair)
  func established(_ queuePair: SimulatedQueuePair)
  /// The process of a host is dead, and its memory gone.
  func closed(_ host: SimulatedHost)
}
