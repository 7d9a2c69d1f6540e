package import RDMATransport
internal import Structures

/// One end of a simulated reliable connection: what its device keeps of it.
package final class SimulatedQueuePair {
  package enum State: UInt8 {
    /// Takes receives.
    case initialized
    /// Takes messages too; not yet told to send.
    case readyToReceive
    case readyToSend
    case error
    case destroyed
  }

  /// A request of the send queue that has not completed.
  package struct Pending {
    package var request: SendRequest
    /// What a SEND carried when it was posted, and all that an inline request carries.
    var snapshot: [UInt8]?
    /// Of a READ: what the responder returned.
    var response: [UInt8]?
  }

  package let number: UInt32
  package let handle: QueuePairHandle
  package let attributes: QueuePairAttributes
  package unowned let host: SimulatedHost
  package private(set) var state = State.initialized
  package var peer: SimulatedQueuePair?
  /// Which of its two ends it is; the connection lets go of the queue pair when it is released.
  package let connection: SimulatedConnection

  var receives = Fifo<ReceiveRequest>()
  /// Posted and not acknowledged, oldest first; the oldest has the number `firstSequence`.
  var sends = Fifo<Pending>()
  var firstSequence: UInt64 = 0
  /// The next request to put on the wire.
  var nextSequence: UInt64 = 0
  /// The request that the peer must send next.
  var expectedSequence: UInt64 = 0
  /// What was put on the wire in an earlier epoch is void: it will be sent anew.
  var epoch: UInt32 = 0
  /// No request goes out before a retransmission: the peer was not ready or a packet was lost.
  var isStalled = false
  var retries = 0
  var notReadyRetries = 0
  /// When the last packet towards the peer, and the last acknowledgement back, arrives.
  var lastArrival: UInt64 = 0
  var lastAcknowledge: UInt64 = 0
  /// Slots of the send queue in use, and those whose request completed without a completion.
  var usedSlots = 0
  var silentSlots = 0
  /// Completions made and not yet polled; `released` waits for them.
  var unpolledCompletions = 0
  /// READs in flight that both ends have agreed on; 0 until they have.
  var initiatorDepth: UInt8 = 0
  var retryCount = 5
  var notReadyRetryCount = 6

  init(
    number: UInt32, handle: QueuePairHandle, attributes: QueuePairAttributes,
    host: SimulatedHost, connection: SimulatedConnection
  ) {
    self.number = number
    self.handle = handle
    self.attributes = attributes
    self.host = host
    self.connection = connection
  }

  /// Goes on; never back.
  func enter(_ next: State) {
    guard next.rawValue > state.rawValue else { return }
    state = next
  }

  var takesMessages: Bool { state == .readyToReceive || state == .readyToSend }

  /// The pending request with a number; nil when it has completed.
  func index(of sequence: UInt64) -> Int? {
    guard sequence >= firstSequence, sequence - firstSequence < UInt64(sends.count) else {
      return nil
    }
    return Int(sequence - firstSequence)
  }

  // MARK: - Completing

  /// Completes the oldest request of the send queue.
  func completeFirstSend(_ status: CompletionStatus) {
    guard let pending = sends.popFirst() else { return }
    host.fabric.observer?.completed(send: pending.request, on: self)
    firstSequence += 1
    nextSequence = max(nextSequence, firstSequence)
    if status == .success && !pending.request.isSignaled {
      silentSlots += 1
      return
    }
    let freed = silentSlots + 1
    silentSlots = 0
    host.complete(
      WorkCompletion(
        id: pending.request.id, queuePair: handle, byteCount: 0, status: status,
        operation: pending.request.operation), of: self, freeing: freed)
  }

  func completeFirstReceive(_ status: CompletionStatus, byteCount: Int) {
    guard let receive = receives.popFirst() else { return }
    host.fabric.observer?.completed(receive: receive, on: self)
    host.complete(
      WorkCompletion(
        id: receive.id, queuePair: handle, byteCount: UInt32(byteCount), status: status,
        operation: .receive), of: self, freeing: 0)
  }

  /// The oldest request failed: the queue pair is of no more use.
  func fail(_ status: CompletionStatus) {
    guard state.rawValue < State.error.rawValue else { return }
    completeFirstSend(status)
    enterError()
  }

  /// Flushes everything that is posted.
  func enterError() {
    guard state.rawValue < State.error.rawValue else { return }
    enter(.error)
    host.fabric.leaveOnTheWire(self)
    epoch &+= 1
    flush()
  }

  func flush() {
    while !sends.isEmpty { completeFirstSend(.flushed) }
    while !receives.isEmpty { completeFirstReceive(.flushed, byteCount: 0) }
  }
}
