from django import forms

from .models import Sighting


class SightingForm(forms.ModelForm):
    class Meta:
        model = Sighting
        fields = ["ship", "picture", "caption"]
        widgets = {
            "picture": forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}),
            "caption": forms.TextInput(attrs={"placeholder": "Coming in on the morning tide"}),
        }
