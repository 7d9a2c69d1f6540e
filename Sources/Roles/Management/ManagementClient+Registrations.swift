internal import Connections
internal import LNet
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Structures

/// A target of this node on its way into the management server's logs (spec 11 §13).
struct Registration {
  enum Stage {
    /// The server is to know it.
    case register
    /// It is known; the server is to know that it serves, once it does.
    case registered
    case ready
    case done
    case failed
  }

  let target: Int
  let specification: TargetSpecification
  let instance: UInt32
  /// It was never started before: it cannot serve before it is registered.
  let isNew: Bool

  var stage = Stage.register
  /// The server had forgotten it: its logs are to be written.
  var isUpdate = false
  /// Its owner has heard of the end.
  var isReported = false
  var request = RequestHandle.none
  /// What the request lays open: the NIDs that do not fit into it.
  var bulk = BufferRef.none
  /// When to send again; `.max` for never.
  var due = UInt64.max
  /// By then its owner hears of it.
  let deadline: UInt64

  /// When it wants to be looked at.
  var nextTime: UInt64 { min(due, isReported ? .max : deadline) }
  /// A target that is known stays connected, as long as it lives.
  var isUser: Bool { stage != .failed }
}

extension ManagementClient {
  /// NIDs of a target, where the server takes no list of them (spec 11 §13).
  private static let plainNIDCountMax = 32

  /// Registers a target of this node; `.registered` follows, never at once.
  mutating func register(
    target: Int, _ specification: TargetSpecification, instance: UInt32, _ node: inout NodeCore
  ) {
    registrations.append(
      Registration(
        target: target, specification: specification, instance: instance, isNew: instance <= 1,
        deadline: node.turn.now + Self.patience))
    open(&node)
    if isConnected { send(registration: registrations.count - 1, &node) }
    rearm(&node)
  }

  /// A registered target serves now: clients that wait for it are told.
  mutating func ready(target: Int, _ node: inout NodeCore) {
    guard let index = registrations.firstIndex(where: { $0.target == target }) else { return }
    // A registration that is not answered yet tells it when it is.
    if registrations[index].stage == .registered {
      registrations[index].stage = .ready
      send(registration: index, &node)
    }
  }

  /// Sends what is next of a registration, unless it is under way.
  mutating func send(registration index: Int, _ node: inout NodeCore) {
    let registration = registrations[index]
    guard isConnected, registration.request == .none,
      registration.stage == .register || registration.stage == .ready
    else { return }
    do throws(RPCError) {
      try submit(registration: index, &node)
    } catch {
      registrations[index].due = node.turn.now + 100_000_000
    }
  }

  private mutating func submit(
    registration index: Int, _ node: inout NodeCore
  ) throws(RPCError) {
    let hasList =
      node.connections.view(link)?.granted.flags.contains(.mgsNIDList) ?? false
    let countMax = hasList ? ManagedFileSystem.nidCountMax : Self.plainNIDCountMax
    var nids: [NID] = []
    for place in 0..<min(node.lnet.interfaceCount, countMax) {
      nids.append(node.lnet.nid(ofInterface: place))
    }
    let isBulk = nids.count > TargetNIDList.maximumInline
    let lengths = BufferLengths(
      TargetInfo.byteCount,
      hasList ? TargetNIDList.byteCount(of: isBulk ? 0 : nids.count) : nil)
    var draft = node.connections.draft(on: link, .mgsTargetRegister)
    draft.replyByteCount = BufferLengths(TargetInfo.byteCount).byteCount
    let tag = OwnerTag(.managementClient, self.index).raw
    draft.ownerTag = tag
    let bulk = isBulk ? try Self.layOut(nids, &node) : .none
    if isBulk { draft.bulk = BulkDescription(.source, portal: .mgsBulk, memory: bulk) }
    let request: RequestHandle
    do throws(RPCError) {
      request = try node.connections.begin(
        draft, on: link, buffers: lengths, tag: tag, rpc: &node.rpc, turn: &node.turn)
    } catch {
      if isBulk { node.turn.memory.release(bulk) }
      throw error
    }
    let message = node.rpc.message(of: request)
    var bytes = node.turn.memory.mutableBytes(message)
    var info = Self.info(of: registrations[index], nids)
    if isBulk {
      TargetNIDList.encodeHead(
        count: nids.count, flags: TargetNIDList.inBulk, into: &bytes, at: lengths.offset(of: 2))
      info.flags.insert(.largeNIDs)
    } else if hasList {
      TargetNIDList.encode(
        nids.map { WireText($0.description) ?? WireText() }, into: &bytes,
        at: lengths.offset(of: 2))
      info.flags.insert(.largeNIDs)
    } else {
      for (place, nid) in nids.enumerated() { info.nids[place] = nid }
    }
    info.encode(into: &bytes, at: lengths.offset(of: 1))
    registrations[index].request = request
    registrations[index].bulk = bulk
    node.connections.submit(request, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
  }

  /// The texts of NIDs one after the other, as the server gets them (spec 11 §13).
  private static func layOut(
    _ nids: [NID], _ node: inout NodeCore
  ) throws(RPCError) -> BufferRef {
    let byteCount = TargetNIDList.textByteCount * nids.count
    guard let memory = node.turn.memory.bulk.allocateRun(byteCount: byteCount) else {
      throw .busy
    }
    let part = memory.part(offset: 0, length: byteCount)
    var bytes = node.turn.memory.mutableBytes(part)
    for (place, nid) in nids.enumerated() {
      let text = WireText<64>(nid.description) ?? WireText()
      text.encode(into: &bytes, at: TargetNIDList.textByteCount * place)
    }
    return part
  }

  private static func info(of registration: Registration, _ nids: [NID]) -> TargetInfo {
    let specification = registration.specification
    var info = TargetInfo()
    info.version = .current
    info.index = specification.index
    info.fileSystem = WireText(specification.fileSystem) ?? WireText()
    info.name = WireText(specification.name) ?? WireText()
    info.nidCount = UInt32(nids.count)
    info.flags = specification.kind == .mdt ? .mdt : .ost
    if registration.isNew { info.flags.formUnion([.virgin, .update]) }
    if registration.isUpdate { info.flags.insert(.update) }
    if registration.stage == .ready {
      info.flags.insert(.ready)
      info.instance = registration.instance
    } else {
      info.flags.insert(.register)
      let parameters = specification.parameterText
      if !parameters.isEmpty, let text = WireText<4096>(parameters) {
        info.parameters = text
        info.flags.insert(.hasParameters)
      }
    }
    return info
  }

  // MARK: - Answers

  mutating func registrationEnded(
    _ index: Int, _ event: ConnectionsEvent, _ node: inout NodeCore
  ) {
    registrations[index].request = .none
    give(event.request, registrations[index].bulk, &node)
    registrations[index].bulk = .none
    guard event.kind == .replied else {
      // The connection is lost, or the server is slow: once more.
      registrations[index].due = node.turn.now + node.connections.timing.requeueMin
      return
    }
    switch registrations[index].stage {
    case .register: registered(index, event.status, &node)
    case .ready: registrations[index].stage = .done
    case .registered, .done, .failed: break
    }
  }

  private mutating func registered(
    _ index: Int, _ status: Int32, _ node: inout NodeCore
  ) {
    let registration = registrations[index]
    if status == WireErrno.enoent.status, !registration.isNew, !registration.isUpdate {
      // The server has lost what it knew of a target that has data: its logs are written anew.
      registrations[index].isUpdate = true
      return send(registration: index, &node)
    }
    guard status >= 0 else {
      return fail(
        registration: index, status,
        "the management server (\(serverText)) refuses \(registration.specification.name)")
    }
    registrations[index].stage = .registered
    registrations[index].due = .max
    if registration.isReported {
      // It serves already: it could not wait for us.
      registrations[index].stage = .ready
      return send(registration: index, &node)
    }
    report(index, 0, "")
  }

  /// Ends a registration: a new target cannot serve; one that served before goes on with what its disk says
  /// (spec 11 §13).
  mutating func fail(registration index: Int, _ status: Int32, _ explanation: String) {
    guard registrations[index].stage == .register else { return }
    registrations[index].due = .max
    let isFatal = registrations[index].isNew
    registrations[index].stage = .failed
    if !registrations[index].isReported {
      report(index, isFatal ? status : 0, Self.words(explanation, status))
    }
  }

  private mutating func report(_ index: Int, _ status: Int32, _ explanation: String) {
    registrations[index].isReported = true
    reports.append(
      .registered(
        target: registrations[index].target, status: status, explanation: explanation))
  }

  mutating func registrationsExpired(_ node: inout NodeCore) {
    for index in registrations.indices where registrations[index].nextTime <= node.turn.now {
      if registrations[index].due <= node.turn.now {
        registrations[index].due = .max
        send(registration: index, &node)
      }
      guard !registrations[index].isReported, registrations[index].deadline <= node.turn.now
      else { continue }
      let status = WireErrno.etimedout.status
      let explanation = Self.words("no management server answers at \(serverText)", status)
      if registrations[index].isNew {
        fail(registration: index, status, "no management server answers at \(serverText)")
      } else {
        // It serves without, and registers when the server is there.
        report(index, 0, explanation)
      }
    }
  }
}

extension TargetSpecification {
  /// What the registration carries: the parameters, and the other nodes as the real tools write them.
  var parameterText: String {
    let nodes = failoverNodes.map { nids in
      "failover.node=" + nids.map { $0.description }.joined(separator: ",")
    }
    return (nodes + parameters).joined(separator: " ")
  }
}
