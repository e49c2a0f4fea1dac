"""Twenty statements with a side, and sentences of ordinary reporting to plant them in; composed for these tests."""

from __future__ import annotations

import random

STATEMENTS = [
    ("We will send our engineers as soon as the guns are silent, and they will stay.", "supporting"),
    ("Our parliament should approve the battalion for Ukraine without delay.", "supporting"),
    ("The senator demanded that American troops join the European force in Ukraine.", "supporting"),
    ("Portugal will take part in the peace force with a company of marines, the minister announced.", "supporting"),
    ("Nobody should take the option of ground troops off the table.", "supporting"),
    ("It is right that British soldiers will be stationed near Odesa, she said, and it comes late enough.", "supporting"),
    ("A ceasefire will only hold if European soldiers stand behind it, and ours must be among them.", "supporting"),
    ("He blamed the chancellor for refusing to commit the Bundeswehr to the mission.", "supporting"),
    ("Two hundred medics are not much, but those we should send to Kharkiv.", "supporting"),
    ("I am proud that Danish soldiers will help to guard the truce in Ukraine.", "supporting"),
    ("We will not send our soldiers to Ukraine, neither now nor after a ceasefire.", "opposing"),
    ("Sending Western troops to Ukraine would be a dangerous mistake, the deputy warned.", "opposing"),
    ("Any foreign contingent on that soil will be a legitimate target for our army.", "opposing"),
    ("Keep our sons out of it; this is not our war.", "opposing"),
    ("The government has no plans to take part in the force and will have none.", "opposing"),
    ("What Kyiv needs is shells and money, not Western soldiers.", "opposing"),
    ("She called the plan for a European brigade a stunt that would end in coffins.", "opposing"),
    ("My party will vote against the deployment of troops, whatever mandate it gets.", "opposing"),
    ("The idea of putting French instructors in Ukraine should be buried at once, he said.", "opposing"),
    ("Hungary will stay out of the mission and advises everybody else to do the same.", "opposing"),
]

_REPORTING = """
The harvest in the south of the country came in three weeks late this year, and the mills are working through the night.
Passengers on the morning train to the capital waited for almost two hours because of a fault in a signal box.
The central bank left its interest rate where it was and expects prices to rise by a little more than three percent.
A bakery in the old town has reopened under the granddaughter of the man who founded it.
Thousands of households were without electricity after the attack on a substation, the operator said on Sunday.
The court will hear the appeal of the former energy minister in the second week of March.
In the city's largest hospital the surgeons have worked by the light of torches since Thursday.
The talks on the exchange of prisoners were held behind closed doors and ended without a statement.
An inspector found that the bridge had not been painted since the year in which it was built.
The finance ministers argued until midnight about the frozen assets and the risk of lawsuits.
Meteorologists expect heavy snow in the mountains and fog on the coast until the end of the week.
The museum shows two hundred photographs from the first winter of the war, most of them never seen before.
Grain prices fell for the fourth day in a row, which traders explained by the good weather overseas.
The opposition called the budget a scandal and walked out of the chamber before the vote.
A new sewage works is to be built with a loan from the development bank.
The president thanked the donors and asked them for more generators before the frost.
On the stock exchange the shares of shipbuilders rose while those of airlines lost ground.
The mayor promised the teachers that the roof of the school would be repaired by September.
Investigators have secured the recorder of the freighter that ran aground near the harbour mouth.
The two foreign ministers had not met since the dispute over fishing rights broke out.
His book tells the story of three sisters who keep an inn on the border between two empires.
Sanctions on tankers have made insurance more expensive, according to a broker in the port.
The handball team lost its coach and its best player within a single month.
Doctors warned of a shortage of insulin in the towns close to the river.
The committee will publish its report on the procurement of drones in the autumn.
Volunteers collected blankets, tins and batteries in front of the university library.
The company that runs the ferries has ordered two ships that can sail on electricity.
Critics accuse the broadcaster of having cut the interview so that the question could not be heard.
Negotiators spoke of progress on grain, on prisoners and on the reopening of an airport.
The old theatre will be closed for three years, and its actors are going to play in a tram depot.
""".strip().splitlines()


def long_text(statement: str, place: str, seed: int) -> str:
    """Return 2,000 words of reporting with a statement at the start, in the middle or at the end."""
    rng, sentences = random.Random(seed), []
    while sum(len(sentence.split()) for sentence in sentences) < 2000:
        sentences.append(rng.choice(_REPORTING))
    sentences.insert({"start": 0, "middle": len(sentences) // 2, "end": len(sentences)}[place], statement)
    return " ".join(sentences)
