internal import LNet
public import LustreWire
internal import NodeCore
internal import RDMATransport
internal import Synchronization

/// What a peer did with exposed memory.
public struct ExposureEvent: Sendable {
  /// What it did.
  public enum Kind: Sendable {
    /// It wrote (PUT).
    case written
    /// It read (GET).
    case read
  }

  /// Whether it wrote or read.
  public var kind: Kind
  /// The peer's primary NID.
  public var initiator: NID
  /// What it named: all 64 bits, those that need not match too.
  public var matchBits: UInt64
  /// Bytes from the start of the memory.
  public var offset: UInt32
  /// Bytes moved.
  public var byteCount: Int
  /// 0, or the negative errno with which it failed.
  public var status: Int32
}

/// Who may do what with exposed memory.
public struct ExposureOptions: Sendable {
  /// Peers may write.
  public var allowsPut = true
  /// Peers may read.
  public var allowsGet = true
  /// Bits of the match bits that need not match.
  public var ignoreBits: UInt64 = 0
  /// What is longer than the memory is cut off; else it is refused.
  public var truncates = true

  /// Peers may write and read, every match bit counts, and what is too long is cut off.
  public init() {}
}

/// Memory that peers may write and read, until it is withdrawn or this value is dropped. Thread rule: any.
public struct Exposure: ~Copyable, Sendable {
  /// What peers do with it, in order; ends when it is withdrawn. At most 4096 events wait; then the oldest go.
  public let events: AsyncStream<ExposureEvent>
  private let memory: LentMemory
  private let descriptor: DescriptorHandle
  private let inbox: Inbox
  private let end: ExposureEnd
  private var isWithdrawn = false

  init(
    memory: LentMemory, descriptor: DescriptorHandle, inbox: Inbox,
    events: AsyncStream<ExposureEvent>, end: ExposureEnd
  ) {
    self.memory = memory
    self.descriptor = descriptor
    self.inbox = inbox
    self.events = events
    self.end = end
  }

  deinit {
    guard !isWithdrawn else { return }
    let (descriptor, end) = (self.descriptor, self.end)
    inbox.send(isBounded: false) { node, operations in
      end.isAbandoned.store(true, ordering: .relaxed)
      end.unlink(descriptor, &node, &operations)
    }
  }

  /// Takes the memory back, when the wire is done with it: at once, but for a transfer of a peer that is under way, and
  /// then after the driver's `timeout` (50 s) at the latest. A cancelled caller waits on: the memory would not be its
  /// own before. Who does not want it back drops the exposure.
  public consuming func withdraw() async -> BulkBuffer {
    isWithdrawn = true
    let (descriptor, end) = (self.descriptor, self.end)
    let asked = inbox.send(isBounded: false) { node, operations in
      end.unlink(descriptor, &node, &operations)
    }
    if asked { _ = await end.call.outcome() }
    return BulkBuffer(ref: memory.ref, address: memory.address, home: inbox)
  }
}

/// How an exposure ends: its descriptor's last event, and then the memory is free.
final class ExposureEnd: Sendable {
  private let memory: BufferRef
  let call = Call<Bool>()
  /// Nobody will take the memory back; used on the loop only.
  let isAbandoned = Atomic<Bool>(false)
  private let isOver = Atomic<Bool>(false)

  init(memory: BufferRef) { self.memory = memory }

  func unlink(
    _ descriptor: DescriptorHandle, _ node: inout NodeCore, _ operations: inout Operations
  ) {
    if isOver.load(ordering: .relaxed) {
      giveBackIfAbandoned(&node, &operations)
    } else {
      try? node.lnet.unlink(descriptor, turn: &node.turn)
    }
  }

  func finish(_ node: inout NodeCore, _ operations: inout Operations) {
    guard !isOver.exchange(true, ordering: .relaxed) else { return }
    giveBackIfAbandoned(&node, &operations)
    call.finish(.success(true))
  }

  private func giveBackIfAbandoned(_ node: inout NodeCore, _ operations: inout Operations) {
    guard isAbandoned.exchange(false, ordering: .relaxed) else { return }
    node.turn.memory.release(memory)
    operations.lentBufferCount -= 1
  }
}

extension Node {
  /// Lets peers write and read memory of this node.
  ///
  /// - Parameters:
  ///   - buffer: of this node; consumed until the exposure is withdrawn.
  ///   - portal: 1 to 63; Lustre's own services use those of spec 01 §5.
  ///   - matchBits: what peers must name.
  /// - Returns: the exposure, which owns the buffer.
  /// - Throws: `NodeError`: limit, stopped, cancelled, configuration with EINVAL (22) for another node's buffer; the buffer
  ///   goes back to its node then.
  public func expose(
    _ buffer: consuming BulkBuffer, portal: Portal, matchBits: UInt64,
    options: ExposureOptions = ExposureOptions()
  ) async throws(NodeError) -> Exposure {
    if let error = buffer.refusal("expose", by: inbox) { throw error }
    let memory = LentMemory(ref: buffer.ref, address: buffer.address)
    let end = ExposureEnd(memory: memory.ref)
    let (stream, source) = AsyncStream.makeStream(
      of: ExposureEvent.self, bufferingPolicy: .bufferingNewest(4096))
    let descriptor: DescriptorHandle = try await inbox.run("expose") { node, operations, call in
      let tag = operations.begin(deadline: nil, &node) { signal, node, operations in
        if case .event(let event) = signal {
          if let report = ExposureEvent(event) { source.yield(report) }
          guard event.isUnlinked else { return .goesOn }
        }
        if case .cancelled = signal { return .goesOn }
        if case .connections = signal { return .goesOn }
        source.finish()
        end.finish(&node, &operations)
        return .done
      }
      do throws(LNetError) {
        let entry = MatchEntry(
          portal: portal, matchBits: matchBits, ignoreBits: options.ignoreBits)
        call.finish(
          .success(
            try node.lnet.expose(
              entry, MemoryDescriptor(memory: memory.ref, options: options.descriptor, tag: tag),
              turn: &node.turn)))
      } catch {
        operations.end(tag, &node)
        call.finish(.failure(NodeError(error, "expose", nil)))
      }
    }
    buffer.handOver()
    return Exposure(
      memory: memory, descriptor: descriptor, inbox: inbox, events: stream, end: end)
  }
}

extension ExposureOptions {
  var descriptor: DescriptorOptions {
    var options: DescriptorOptions = [.remoteOffset]
    if allowsPut { options.insert(.put) }
    if allowsGet { options.insert(.get) }
    if truncates { options.insert(.truncate) }
    return options
  }
}

extension ExposureEvent {
  init?(_ event: LNetEvent) {
    switch event.kind {
    case .put: kind = .written
    case .get: kind = .read
    default: return nil
    }
    initiator = event.initiator
    matchBits = event.matchBits
    offset = event.offset
    byteCount = Int(event.movedLength)
    status = event.status
  }
}
