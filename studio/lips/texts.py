"""What the training voices say: made-up sentences, and words that no dictionary holds.

Sentences give the rhythm of speech; invented words, read by letter-to-sound rules, give every
cluster of sounds that English allows. The sentences of the test are written by hand below and
share no template with training.
"""

from __future__ import annotations

import random


def split(text: str) -> list[str]:
    """Words of a line; two spaces, or one at an end, make an empty one."""
    return text.split(" ")


PEOPLE = """the teacher|my neighbour|the young doctor|her brother|a good friend|the captain|our manager|
the old fisherman|a tall stranger|the children|his grandmother|their cousin|the shy student|the farmer|
the whole village|a famous painter|the night porter|every visitor|the judge|our youngest daughter|
the violin player|a clever engineer|the mayor|the goalkeeper|both pilots|the baker|an honest lawyer""".replace(
    "\n", ""
).split("|")
DOES = """bought|found|painted|carried|forgot|described|watched|repaired|borrowed|measured|chose|photographed|
offered|hid|broke|enjoyed|finished|pushed|threw away|brought back|looked for|laughed about|thought of|
wrapped|weighed|finally sold|quickly moved|slowly opened|never liked|always wanted|would rather have""".replace(
    "\n", ""
).split("|")
THINGS = """a heavy box|the blue umbrella|fresh bread and butter|an orange bicycle|the broken chair|five green apples|
a beautiful photograph|the wooden bridge|a thick envelope|the first chapter|a pair of boots|some warm soup|
the kitchen table|a small mirror|the weather report|a strange noise|the village church|a silver watch|
the very last ticket|an expensive guitar|the truth|a cup of coffee|thirty white pebbles|the winter coat|
a box of matches|the yellow boat|a better answer|the museum|an early train|a huge pumpkin""".replace(
    "\n", ""
).split("|")
PLACES = """in the garden|behind the house|near the river|at the corner shop|under the bridge|on the third floor|
beside the fountain|across the valley|in front of the theatre|by the window|at the airport|in the far north|
between two mountains|along the beach|outside the office|above the workshop|inside the cave|
over the hills|through the forest|around the harbour""".replace("\n", "").split("|")
TIMES = """yesterday|last Thursday|before breakfast|in the middle of the night|this morning|at half past four|
every summer|two weeks ago|as soon as possible|after the concert|for the first time|in nineteen eighty|
twice a month|just before sunrise|on a rainy afternoon|during the holidays|once more|by the way|
a few minutes later|when nobody was watching""".replace("\n", "").split("|")
HOW = """cheerful|thin|rough|smooth|awful|quiet|careful|proud|thirsty|yellow|huge|round|bright|vague|
worth the price|full of surprises|rather cold|much too loud|almost empty|perfectly safe|far away""".replace(
    "\n", ""
).split("|")
TEMPLATES = (
    "{p} {d} {t} {l}.", "{w}, {p} {d} {t}.", "{p} said that {p2} {d} {t} {w}.", "Why has {p} not seen {t}?",
    "I think {t} was {h}, but {p} {d} {t2} anyway.", "{t} {l} is {h}.", "Could {p} bring {t} {w}?",
    "Nobody {l} knew that {p} {d} {t}.", "If {p} is {h}, {p2} will wait {l}.", "{n} of them {d} {t}.",
    "Please put {t} {l} {w}.", "Either {p} {d} {t}, or {p2} did.", "What a {h2} day for {p}!",
    "It costs {n} pounds, which {p} thought was {h}.", "You should ask {p} about {t} {w}.",
    "There is {t} {l}, and it looks {h}.", "{p} and {p2} shared {t}.", "They were {h} {w}, were they not?",
    "Let us move {t} {l}, then {t2}.", "Give {p} {n} more minutes, and {t} will be {h}.",
)  # fmt: skip
NUMBERS = split(
    "two three five six seven eight nine eleven twelve thirteen forty-five sixty a hundred seven thousand"
)
ONSETS = split(
    " b bl br c ch cl cr d dr f fl fr g gl gr h j k l m n p pl pr qu r s sc sh shr sk sl sm sn sp spl spr st str sw t th thr tr tw v w wh y z"
)
VOWELS = split("a e i o u ee ea ai ay oo ou ow oi ar er or ir au aw ie oa igh ew u")
CODAS = split(
    " b ck d f g k l lf lk lm lp lt m mp n nce nch nd ng nk nt p ff r rd rf rk rm rn rp rt s sh sk sp ss st t th tch v ve x z zz"
)

TEST = (
    "Maybe we should begin with a simple map of the valley.",
    "The boy jumped over a puddle and dropped both of his books.",
    "Five of our friends have moved to Vienna since February.",
    "She sells shiny shells, but she chose to show us only three.",
    "Put the lamp back upon the upper shelf, if you would be so kind.",
    "I thought the weather there was rather mild for the season.",
    "George pulled a rope around the huge wooden wheel.",
    "How many bottles of water will you need for a week in the desert?",
    "Her voice was calm, warm, and a little amused.",
    "Nothing in the report explains why the pump failed.",
    "A blue van was parked on the pavement opposite the bank.",
    "We saw ships from the cliff, far out, white against the grey.",
    "You may go home now; the rest of us will stay until it is done.",
    "His thumb was swollen and he could barely hold a pen.",
    "Welcome to the museum. The main exhibition is on the first floor.",
    "Before you press the button, please make sure that the valve is shut.",
    "Few people believe that half of the forest vanished by itself.",
    "My mother makes the best plum jam in the whole of the county.",
    "The judge asked for a measure of patience and got none.",
    "Walk up the path, turn left by the pond, and follow the wall.",
    "What time does the ferry leave for the other side of the bay?",
    "Both of them laughed, although neither had heard the joke.",
    "Our office will be open from Monday morning at half past eight.",
    "Pick a number between one and fifty, and do not tell me what it is.",
    "The wolf moved silently among the birches and was gone.",
    "He should have been an author, or perhaps a very good cook.",
    "There were clouds of smoke above the roof, but nobody was hurt.",
    "Choose a chair, sit down, and tell us what happened.",
)


def sentence(rng: random.Random) -> str:
    """One sentence of training."""
    text = rng.choice(TEMPLATES).format(
        p=rng.choice(PEOPLE), p2=rng.choice(PEOPLE), d=rng.choice(DOES), t=rng.choice(THINGS),
        t2=rng.choice(THINGS), l=rng.choice(PLACES), w=rng.choice(TIMES), h=rng.choice(HOW),
        h2=rng.choice(HOW[:13]), n=rng.choice(NUMBERS),
    )  # fmt: skip
    return text[0].upper() + text[1:]


def invented(rng: random.Random) -> str:
    """A line of words that do not exist."""
    words = [
        "".join(
            rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS)
            for _ in range(rng.choice((1, 1, 2, 2, 3)))
        )
        for _ in range(rng.randint(3, 9))
    ]
    return " ".join(words) + rng.choice(".,?!")


def line(rng: random.Random) -> str:
    return sentence(rng) if rng.random() < 0.55 else invented(rng)


MANDARIN = (
    "今天天气很好,我们一起去公园散步吧。", "请问,最近的地铁站在哪里?", "他昨天买了一本非常有意思的书。",
    "妈妈做的饭比饭店的还要好吃。", "欢迎来到博物馆,展览在二楼。", "如果明天下雨,比赛就会推迟到星期五。",
    "我想喝一杯热茶,再吃一点水果。", "这个问题不难,你再想一想就明白了。", "飞机马上就要起飞了,请系好安全带。",
    "老师让我们把作业放在桌子上。", "北方的冬天很冷,可是屋子里很暖和。", "他说话太快,我只听懂了一半。",
)  # fmt: skip
OTHERS = {
    "de": ("Guten Morgen, wie geht es Ihnen heute?", "Der Bus fährt jede halbe Stunde zum Bahnhof.",
           "Mein Bruder hat gestern ein altes Fahrrad gekauft.", "Bitte öffnen Sie das Fenster, es ist warm."),
    "fr-fr": ("Bonjour, bienvenue dans notre petit musée.", "Il fait beau, nous mangerons dehors ce soir.",
              "Ma voisine a perdu ses clés près du pont.", "Pouvez-vous répéter la question, s'il vous plaît?"),
    "es": ("Buenos días, el tren sale dentro de cinco minutos.", "Mi hermana pequeña prefiere las manzanas verdes.",
           "Vamos a la playa si mañana hace buen tiempo.", "Por favor, abra la puerta y pase adelante."),
    "it": ("Buongiorno, il treno parte fra cinque minuti.", "Mia sorella preferisce il gelato alla vaniglia.",
           "Domani andiamo al mare, se il tempo è bello.", "Per favore, può parlare più piano?"),
}  # fmt: skip
