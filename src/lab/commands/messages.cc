// lockstep messages: what waits to be sent and what was given up, at each server; tried again or
// dropped.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/time_util.h>

#include <memory>

#include "common/base/limits.h"
#include "common/rpc/proto_values.h"
#include "lab/commands/command.h"
#include "lab/names.h"
#include "lab/table.h"

namespace lockstep::lab {
namespace {

using control::v1::ControlService;
using control::v1::ListMessagesRequest;
using control::v1::ListMessagesResponse;
using message::v1::StoredMessage;

struct ListArguments {
  std::string node;  // empty: all that have messages
  std::string box = "dead-letters";
  std::string destination;
  int limit = 20;
};

StatusOr<StoredMessage::Box> ParseBox(const std::string& name) {
  StoredMessage::Box box{};
  if (!StoredMessage::Box_Parse(EnumName(name, "BOX_"), &box) ||
      box == StoredMessage::BOX_UNSPECIFIED) {
    return MakeError(StatusCode::kInvalidArgument, "VALUE_INVALID",
                     fmt::format("there is no box \"{}\"; there are outbox, dead-letters", name));
  }
  return box;
}

ControlPeer PeerOf(const Context& context, const std::string& node) {
  return {context.addresses.Find(node)->control, context.timeout};
}

// The servers that are asked: one that was named, or all.
std::vector<std::string> Asked(const std::string& node) {
  return node.empty() ? std::vector<std::string>(kNodes.begin(), kNodes.end())
                      : std::vector<std::string>{node};
}

// Whether an error only says that there is nothing to see at a server that nobody named.
bool HasNoMessages(const Status& status, const std::string& named) {
  return named.empty() && DetailOf(status).reason == "NO_MESSAGES";
}

std::string ShortType(const std::string& type) { return type.substr(type.rfind('.') + 1); }

std::string WhenText(const StoredMessage& message) {
  if (message.box() == StoredMessage::BOX_DEAD_LETTERS) return "given up";
  if (message.has_sent_time()) return "sent";
  if (!message.has_next_attempt_time()) return "due";
  const Duration left = rpc::ToTime(message.next_attempt_time()) - Clock::Real().WallNow();
  return left <= Duration::zero() ? "due" : "in " + MillisText(left);
}

std::string AgeText(const StoredMessage& message) {
  return SpanText(Clock::Real().WallNow() - rpc::ToTime(message.envelope().send_time()));
}

int List(const Context& context, const ListArguments& arguments) {
  Table table({{"server"},
               {"message"},
               {"type"},
               {"key"},
               {"for"},
               {"age", Align::kRight},
               {"tries", Align::kRight},
               {"next"},
               {"error"}});
  Json json;
  std::int64_t total = 0;
  for (const std::string& node : Asked(arguments.node)) {
    ListMessagesRequest request;
    request.set_box(*ParseBox(arguments.box));
    request.set_page_size(arguments.limit);
    request.set_destination(arguments.destination);
    const auto listed = PeerOf(context, node).Ask(&ControlService::Stub::ListMessages, request);
    if (HasNoMessages(listed.status(), arguments.node)) continue;
    if (!listed.ok()) return Fail(context, listed.status());
    total += listed->total();
    Put(json, node, AsJson(*listed));
    for (const StoredMessage& message : listed->messages()) {
      const message::v1::Envelope& envelope = message.envelope();
      table.Add({node, envelope.message_id(), ShortType(envelope.type()), envelope.key(),
                 message.destination(), AgeText(message), CountText(message.attempts()),
                 WhenText(message), message.error()});
    }
  }
  const bool is_outbox = arguments.box == "outbox";
  Print(context.is_json
            ? JsonText(json)
            : fmt::format("{}{} messages {}.\n", table.empty() ? "" : table.Text() + "\n",
                          CountText(total), is_outbox ? "wait" : "were given up"));
  return kExitDone;
}

struct Found {
  std::string node;
  StoredMessage message;
};

// A message by its id, in either box. NOT_FOUND, reason MESSAGE_UNKNOWN.
StatusOr<Found> Find(const Context& context, const std::string& named,
                     const std::string& message_id) {
  for (const std::string& node : Asked(named)) {
    ControlPeer peer = PeerOf(context, node);
    for (const auto box : {StoredMessage::BOX_DEAD_LETTERS, StoredMessage::BOX_OUTBOX}) {
      ListMessagesRequest request;
      request.set_box(box);
      request.set_message_id(message_id);
      const auto listed = peer.Ask(&ControlService::Stub::ListMessages, request);
      if (HasNoMessages(listed.status(), named)) break;
      if (!listed.ok()) return listed.status();
      if (!listed->messages().empty()) return Found{node, listed->messages(0)};
    }
  }
  return MakeError(StatusCode::kNotFound, "MESSAGE_UNKNOWN",
                   fmt::format("no message {} waits or was given up{}", message_id,
                               named.empty() ? "" : " at " + named));
}

// What a message says; nothing where this program does not know the type.
std::unique_ptr<google::protobuf::Message> ContentOf(const message::v1::Envelope& envelope) {
  const auto* type =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(envelope.type());
  if (type == nullptr) return nullptr;
  std::unique_ptr<google::protobuf::Message> content(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  if (!content->ParseFromString(envelope.payload())) return nullptr;
  return content;
}

int Show(const Context& context, const std::string& named, const std::string& message_id) {
  const StatusOr<Found> found = Find(context, named, message_id);
  if (!found.ok()) return Fail(context, found.status());
  const message::v1::Envelope& envelope = found->message.envelope();
  const auto content = ContentOf(envelope);
  if (context.is_json) {
    Json json = AsJson(found->message);
    Put(json, "server", found->node);
    if (content != nullptr) Put(json, "content", AsJson(*content));
    Print(JsonText(json));
    return kExitDone;
  }
  using google::protobuf::util::TimeUtil;
  Table table({{"field"}, {"value"}});
  table.Add({"message", envelope.message_id()});
  table.Add({"at", fmt::format("{}, {}", found->node,
                               PlainName(StoredMessage::Box_Name(found->message.box()), "BOX_"))});
  table.Add({"type", fmt::format("{}, version {}", envelope.type(), envelope.type_version())});
  table.Add({"for", found->message.destination()});
  table.Add({"key", envelope.key()});
  table.Add({"correlation id", envelope.correlation_id()});
  table.Add({"reply to", envelope.reply_to()});
  table.Add({"written", TimeUtil::ToString(envelope.send_time())});
  if (envelope.has_expire_time())
    table.Add({"expires", TimeUtil::ToString(envelope.expire_time())});
  table.Add({"tries", CountText(found->message.attempts())});
  table.Add({"next", WhenText(found->message)});
  table.Add({"error", found->message.error()});
  Print(table.Text() + "\n");
  Print(content != nullptr ? JsonText(*content)
                           : fmt::format("{} bytes, not understood here\n",
                                         CountText(std::ssize(envelope.payload()))));
  return kExitDone;
}

struct ActArguments {
  std::string node;
  std::vector<std::string> message_ids;
  bool is_all = false;
  std::string destination;  // with is_all: only those for it
};

// Ids of the messages that were given up, by server.
StatusOr<std::vector<std::pair<std::string, std::string>>> GivenUp(const Context& context,
                                                                   const ActArguments& arguments) {
  std::vector<std::pair<std::string, std::string>> given_up;
  for (const std::string& node : Asked(arguments.node)) {
    ListMessagesRequest request;
    request.set_box(StoredMessage::BOX_DEAD_LETTERS);
    request.set_page_size(limits::kPageSizeMax);
    request.set_destination(arguments.destination);
    const auto listed = PeerOf(context, node).Ask(&ControlService::Stub::ListMessages, request);
    if (HasNoMessages(listed.status(), arguments.node)) continue;
    if (!listed.ok()) return listed.status();
    for (const StoredMessage& message : listed->messages())
      given_up.emplace_back(node, message.envelope().message_id());
  }
  return given_up;
}

StatusOr<std::vector<std::pair<std::string, std::string>>> Named(const Context& context,
                                                                 const ActArguments& arguments) {
  std::vector<std::pair<std::string, std::string>> named;
  for (const std::string& message_id : arguments.message_ids) {
    if (!arguments.node.empty()) {
      named.emplace_back(arguments.node, message_id);
      continue;
    }
    const StatusOr<Found> found = Find(context, "", message_id);
    if (!found.ok()) return found.status();
    named.emplace_back(found->node, message_id);
  }
  return named;
}

StatusOr<StoredMessage> ActOn(ControlPeer& peer, const std::string& message_id, bool is_drop) {
  if (is_drop) {
    control::v1::DropMessageRequest request;
    request.set_message_id(message_id);
    return peer.Ask(&ControlService::Stub::DropMessage, request);
  }
  control::v1::RedriveMessageRequest request;
  request.set_message_id(message_id);
  return peer.Ask(&ControlService::Stub::RedriveMessage, request);
}

// Tries messages again, or drops them; the first error ends it.
int Act(const Context& context, const ActArguments& arguments, bool is_drop) {
  const auto wanted = arguments.is_all ? GivenUp(context, arguments) : Named(context, arguments);
  if (!wanted.ok()) return Fail(context, wanted.status());
  std::vector<Json> list;
  for (const auto& [node, message_id] : *wanted) {
    ControlPeer peer = PeerOf(context, node);
    const auto message = ActOn(peer, message_id, is_drop);
    if (!message.ok()) return Fail(context, message.status());
    Json json = AsJson(*message);
    Put(json, "server", node);
    list.push_back(std::move(json));
    if (!context.is_json) {
      Print(fmt::format("{}: {} {} for {}\n", node, is_drop ? "dropped" : "tries again", message_id,
                        message->destination()));
    }
  }
  if (context.is_json) {
    Json json;
    Put(json, "messages", list);
    Print(JsonText(json));
  } else if (list.empty()) {
    Print("No message was given up.\n");
  }
  return kExitDone;
}

void AddList(CLI::App& app, Context& context) {
  CLI::App& list = *app.add_subcommand("list", "Lists messages, the oldest first");
  const auto arguments = std::make_shared<ListArguments>();
  AddServer(list, arguments->node);
  list.add_option("--box", arguments->box, "dead-letters: given up; outbox: what waits to be sent")
      ->check(CLI::Validator(Checked(ParseBox), ""))
      ->capture_default_str();
  list.add_option("--destination", arguments->destination, "Only those for it: a peer, an address");
  list.add_option("--limit", arguments->limit, "At most so many of each server")
      ->check(CLI::Range(1, limits::kPageSizeMax))
      ->capture_default_str();
  SetExamples(list,
              "  lockstep messages list\n"
              "  lockstep messages list --server order --box outbox --destination restaurant");
  list.callback([&context, arguments] {
    context.run = [&context, arguments] { return List(context, *arguments); };
  });
}

void AddShow(CLI::App& app, Context& context) {
  CLI::App& show = *app.add_subcommand("show", "Shows a message, with what it says");
  const auto node = std::make_shared<std::string>();
  const auto message_id = std::make_shared<std::string>();
  AddServer(show, *node);
  show.add_option("message", *message_id, "Its id")->required();
  show.callback([&context, node, message_id] {
    context.run = [&context, node, message_id] { return Show(context, *node, *message_id); };
  });
}

void AddAct(CLI::App& app, Context& context, bool is_drop) {
  CLI::App& act = *app.add_subcommand(
      is_drop ? "drop" : "redrive",
      is_drop ? "Removes messages that were given up" : "Tries messages again that were given up");
  const auto arguments = std::make_shared<ActArguments>();
  AddServer(act, arguments->node);
  auto* ids = act.add_option("message", arguments->message_ids, "Their ids");
  auto* all = act.add_flag("--all", arguments->is_all, "All of them, up to 1,000 of each server")
                  ->excludes(ids);
  act.add_option("--destination", arguments->destination, "Of all only those for it")->needs(all);
  act.callback([&context, arguments, is_drop] {
    if (arguments->message_ids.empty() && !arguments->is_all) {
      throw CLI::RequiredError("The id of a message, or --all");
    }
    context.run = [&context, arguments, is_drop] { return Act(context, *arguments, is_drop); };
  });
}

}  // namespace

void AddMessages(CLI::App& app, Context& context) {
  CLI::App& messages = *app.add_subcommand(
      "messages", "Messages that wait or were given up: lists, shows, tries again, drops");
  messages.require_subcommand(1);
  AddList(messages, context);
  AddShow(messages, context);
  AddAct(messages, context, /*is_drop=*/false);
  AddAct(messages, context, /*is_drop=*/true);
}

}  // namespace lockstep::lab
